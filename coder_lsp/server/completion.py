"""``textDocument/completion``, for clients without inline completion."""

from lsprotocol import types

from coder_lsp.server import to_lsp
from coder_lsp.server.language_server import CoderServer
from coder_lsp.server.offer import make_offer
from coder_lsp.session import Session

# Not the characters after which Enter is pressed: it would take the item in place of a new line.
TRIGGER_CHARACTERS = (".", " ")


async def completion(
    ls: CoderServer, params: types.CompletionParams
) -> types.CompletionList | list[types.CompletionItem]:
    """Complete at the cursor, unless the client has the better way."""
    if not _is_wanted(ls.session):
        return []
    offer = await make_offer(ls, params.text_document.uri, params.position, "plain")
    return to_lsp.completion_list(offer)


def _is_wanted(session: Session) -> bool:
    if session.settings.plain_completion == "auto":
        return not session.client_completes_inline
    return session.settings.plain_completion == "always"
