"""Snapshots written as text with the cursor as a mark."""

from coder_lsp.documents.document import DocumentSnapshot
from tests.support.cursor import parse_cursor


def snapshot_of(
    text: str, uri: str = "file:///a.py", language_id: str = "python", version: int = 1
) -> DocumentSnapshot:
    """Return a snapshot of a text that holds one cursor mark."""
    plain, offset = parse_cursor(text)
    return DocumentSnapshot(uri, version, language_id, plain, offset)
