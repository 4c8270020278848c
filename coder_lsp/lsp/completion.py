"""``textDocument/completion``, for clients without inline completion."""

import dataclasses

from lsprotocol import types

from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.documents.typed_text import typed_since
from coder_lsp.lsp import from_lsp, to_lsp
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.offer import make_offer
from coder_lsp.session import Session

# Not the characters after which Enter is pressed: it would take the item in place of a new line.
TRIGGER_CHARACTERS = (".", " ")


async def completion(
    ls: CoderServer, params: types.CompletionParams
) -> types.CompletionList | list[types.CompletionItem]:
    """Complete at the cursor, unless the client completes inline.

    Helix asks once, and not again while it waits, however much is typed meanwhile. If a word is
    typed on, the server completes the longer word; the offer then contains what was typed and what
    follows, for the position of the request, from which clients count.
    """
    uri = params.text_document.uri
    document = ls.session.document(uri)
    if document is None or not ls.switch.is_active or not _is_wanted(ls.session):
        return []
    before = document.snapshot(from_lsp.offset(document, params.position, ls.encoding))
    place = to_lsp.place(document, before.offset, ls.encoding)
    offer, typed = await make_offer(ls, uri, params.position, "plain"), ""
    while offer is None and not ls.session.is_underway(uri, "plain"):
        typed_by_now = _word_typed_since(before, document)
        if len(typed_by_now) <= len(typed):
            break
        typed = typed_by_now
        position = to_lsp.place(document, before.offset + len(typed), ls.encoding).range.end
        offer = await make_offer(ls, uri, position, "plain")
    if offer is not None:
        offer = dataclasses.replace(offer, place=place, text=typed + offer.text)
    return to_lsp.completion_list(offer)


def _word_typed_since(before: DocumentSnapshot, document: OpenDocument) -> str:
    """Return the part of a word that was typed, "" if anything else was changed."""
    length = max(len(document.text) - len(before.text), 0)
    typed = typed_since(before, document.snapshot(before.offset + length))
    return typed if typed is not None and to_lsp.typed_word(typed) == typed else ""


def _is_wanted(session: Session) -> bool:
    if session.settings.plain_completion == "auto":
        return not session.completes_inline
    return session.settings.plain_completion == "always"
