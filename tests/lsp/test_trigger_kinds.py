"""Automatic requests of clients that count from 0 are not taken for explicit ones."""

import pytest
from lsprotocol.types import InlineCompletionTriggerKind as Kind

from coder_lsp.lsp.trigger_kinds import TriggerKinds

NAMES = {"auto": Kind.Automatic, "asked": Kind.Invoked}


@pytest.mark.parametrize(
    ("client", "announces_status", "sent", "meant"),
    [
        pytest.param("Neovim", False, [1, 2, 1], "asked auto asked", id="by the specification"),
        pytest.param("Some client", False, [1, 0, 1], "asked asked auto", id="from 0, as 0 tells"),
        pytest.param("Visual Studio Code", False, [1, 0, 1], "auto asked auto", id="an old client"),
        pytest.param("Visual Studio Code", False, [1, 2, 1], "auto auto asked", id="a new client"),
        pytest.param("Visual Studio Code", True, [1, 2], "asked auto", id="our own client"),
        pytest.param("Neovim", False, [3, None, "x", True], "auto auto auto auto", id="unknown"),
    ],
)
def test_each_value_means_what_the_client_means(client, announces_status, sent, meant):
    kinds = TriggerKinds()
    kinds.expect(client, announces_status=announces_status)

    assert [kinds.read(value) for value in sent] == [NAMES[name] for name in meant.split()]
