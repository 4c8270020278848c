"""The client's capability tree, reduced to what is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

STATUS_CAPABILITY = "coderLspStatus"
"""A client that shows ``coder-lsp/status`` says so under ``experimental`` in its capabilities."""


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """What the client can do besides what every client can."""

    can_show_progress: bool = False
    can_be_asked_for_settings: bool = False
    shows_status: bool = False


def client_capabilities(sent: types.ClientCapabilities) -> ClientCapabilities:
    """Reduce what was sent with ``initialize``.

    Inline completion is not asked for: lsp-mode 10 has it and does not say so.
    """
    window, workspace = sent.window, sent.workspace
    return ClientCapabilities(
        can_show_progress=bool(window and window.work_done_progress),
        can_be_asked_for_settings=bool(workspace and workspace.configuration),
        shows_status=_has_experimental(sent.experimental, STATUS_CAPABILITY),
    )


def _has_experimental(experimental: Any, name: str) -> bool:
    """Whether a client announces an extension of the protocol; it may send any JSON here."""
    return isinstance(experimental, Mapping) and experimental.get(name) is True
