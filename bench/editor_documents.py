"""The documents of a replayed trace as an editor has them open at our server."""

from dataclasses import replace

from bench.replay import Keystroke
from coder_lsp.child_client import ChildClient
from coder_lsp.documents.document import DocumentSnapshot


class EditorDocuments:
    """Opens and edits documents under ``root``, a URI that ends with a slash."""

    def __init__(self, client: ChildClient, root: str) -> None:
        self._client = client
        self._root = root
        self._documents: dict[str, DocumentSnapshot] = {}

    def apply(self, keystroke: Keystroke) -> DocumentSnapshot:
        """Do what a keystroke does, and return its document with the cursor where it is then."""
        path = keystroke.document.path
        if keystroke.kind == "open":
            document = self._open(keystroke)
        elif keystroke.edits:
            edits = [(edit.start, edit.end, edit.text) for edit in keystroke.edits]
            document = self._client.change(self._documents[path], edits, keystroke.cursor)
        else:
            document = replace(self._documents[path], offset=keystroke.cursor)
        self._documents[path] = document
        return document

    def close(self) -> None:
        """Close all documents."""
        for document in self._documents.values():
            self._client.close(document)

    def _open(self, keystroke: Keystroke) -> DocumentSnapshot:
        """Open a document; one that is open already is closed first and goes on in its versions."""
        path = keystroke.document.path
        known = self._documents.get(path)
        if known is not None:
            self._client.close(known)
        document = DocumentSnapshot(
            uri=self._root + path,
            version=1 if known is None else known.version + 1,
            language_id=keystroke.document.language,
            text=keystroke.text,
            offset=keystroke.cursor,
        )
        self._client.open(document)
        return document
