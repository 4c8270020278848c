"""Automatic requests of clients that count from 0 are not taken for explicit ones."""

import pytest
from lsprotocol.types import InlineCompletionTriggerKind as Kind

from coder_lsp.lsp.trigger_kinds import TriggerKinds

AUTO, ASKED = Kind.Automatic, Kind.Invoked


@pytest.mark.parametrize(
    ("client", "announces_status", "sent", "meant"),
    [
        pytest.param("Neovim", False, [1, 2, 1], [ASKED, AUTO, ASKED], id="by the specification"),
        pytest.param(
            "Some client", False, [1, 0, 1], [ASKED, ASKED, AUTO], id="from 0, as 0 tells"
        ),
        pytest.param(
            "Visual Studio Code", False, [1, 1, 0, 1], [AUTO, AUTO, ASKED, AUTO], id="an old client"
        ),
        pytest.param(
            "Visual Studio Code", False, [1, 2, 1], [AUTO, AUTO, ASKED], id="a new client"
        ),
        pytest.param("Visual Studio Code", True, [1, 2], [ASKED, AUTO], id="our own client"),
        pytest.param(
            "Neovim", False, [3, None, "x", True, 2.5, 1], [AUTO] * 5 + [ASKED], id="unknown"
        ),
    ],
)
def test_each_value_means_what_the_client_means(client, announces_status, sent, meant):
    kinds = TriggerKinds()
    kinds.expect(client, announces_status=announces_status)

    assert [kinds.read(value) for value in sent] == meant
