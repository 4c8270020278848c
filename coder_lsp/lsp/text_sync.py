"""``didOpen``, ``didChange`` and ``didClose``: the document store, in place of pygls' own."""

import logging
from concurrent.futures import Future

from lsprotocol import types

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.errors import DocumentError
from coder_lsp.lsp import from_lsp
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.protocol import log_error

_log = logging.getLogger(__name__)


def did_open(ls: CoderServer, params: types.DidOpenTextDocumentParams) -> None:
    """Take a document in."""
    item = params.text_document
    document = OpenDocument(item.uri, item.version, item.language_id, item.text)
    ls.session.open_document(document)
    ls.generations.cancel(document.uri)


def did_change(ls: CoderServer, params: types.DidChangeTextDocumentParams) -> None:
    """Edit a document."""

    def edit(document: OpenDocument) -> None:
        from_lsp.apply_changes(document, params.content_changes, ls.encoding)

    identifier = params.text_document
    ls.idle.interrupt()
    ls.other_offers.interrupt()
    try:
        document = ls.session.edit_document(identifier.uri, identifier.version, edit)
    except DocumentError as exc:
        _log.warning("%s", exc)
    else:
        ls.generations.edited(document)
        ls.usage.note()


def did_close(ls: CoderServer, params: types.DidCloseTextDocumentParams) -> None:
    """Let go of a document, and of what the backend keeps for it."""
    ls.idle.interrupt()
    ls.other_offers.interrupt()
    ls.session.close_document(params.text_document.uri)
    ls.generations.cancel(params.text_document.uri)
    ls.engine.forget(params.text_document.uri).add_done_callback(_log_failure)


def _log_failure(forgotten: Future[None]) -> None:
    if not forgotten.cancelled() and (error := forgotten.exception()) is not None:
        log_error(error)
