"""``didOpen``, ``didChange`` and ``didClose``: the document store, in place of pygls' own."""

import logging

from lsprotocol import types

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.errors import DocumentError
from coder_lsp.lsp import from_lsp
from coder_lsp.lsp.language_server import CoderServer

_log = logging.getLogger(__name__)


def did_open(ls: CoderServer, params: types.DidOpenTextDocumentParams) -> None:
    """Take a document in."""
    item = params.text_document
    ls.session.open_document(OpenDocument(item.uri, item.version, item.language_id, item.text))


def did_change(ls: CoderServer, params: types.DidChangeTextDocumentParams) -> None:
    """Edit a document."""

    def edit(document: OpenDocument) -> None:
        from_lsp.apply_changes(document, params.content_changes, ls.encoding)

    identifier = params.text_document
    try:
        ls.session.change_document(identifier.uri, identifier.version, edit)
    except DocumentError as exc:
        _log.warning("%s", exc)


def did_close(ls: CoderServer, params: types.DidCloseTextDocumentParams) -> None:
    """Let go of a document, and of what the backend keeps for it."""
    ls.session.close_document(params.text_document.uri)
