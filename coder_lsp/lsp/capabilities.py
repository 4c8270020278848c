"""The client's capability tree, reduced to what is asked of it."""

from dataclasses import dataclass

from lsprotocol import types


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """What the client can do besides what every client can."""

    can_show_progress: bool = False
    can_be_asked_for_settings: bool = False


def client_capabilities(sent: types.ClientCapabilities) -> ClientCapabilities:
    """Reduce what was sent with ``initialize``.

    Inline completion is not asked for: lsp-mode 10 has it and does not say so.
    """
    window, workspace = sent.window, sent.workspace
    return ClientCapabilities(
        can_show_progress=bool(window and window.work_done_progress),
        can_be_asked_for_settings=bool(workspace and workspace.configuration),
    )
