"""Their types to ours; with ``to_lsp`` the only place that knows how LSP counts columns.

No position is an error: a column past the end of its line means the end of the line, a line past
the end means the end of the document, and a column inside a character means its start. LSP asks for
the first; editors send the others while they are still applying an edit of their own.
"""

import dataclasses
from collections.abc import Sequence

from lsprotocol import types

from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.documents.edit import num_common
from coder_lsp.documents.open_document import OpenDocument, without_surrogates


def offset(document: OpenDocument, position: types.Position, encoding: str) -> int:
    """Return the code point that a position points at."""
    if position.line >= document.num_lines:
        return len(document.text)
    line = document.line_text(position.line)
    return document.line_start(position.line) + column(line, position.character, encoding)


def with_selected(
    document: OpenDocument, selected: types.SelectedCompletionInfo, encoding: str
) -> tuple[DocumentSnapshot, str]:
    """Return the document as if what is selected in a popup were typed, the cursor behind it.

    Also returns the part of the selected text that is not in the document yet.
    """
    text = without_surrogates(selected.text)
    start = offset(document, selected.range.start, encoding)
    end = max(start, offset(document, selected.range.end, encoding))
    before = document.snapshot(start)
    num_typed = num_common(document.text[start:end], text)
    selected_text = f"{before.prefix}{text}{document.text[end:]}"
    cursor = start + len(text)
    return dataclasses.replace(before, text=selected_text, offset=cursor), text[num_typed:]


def column(line: str, character: int, encoding: str) -> int:
    """Return the number of code points in the first ``character`` units of a line."""
    if line.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return min(character, len(line))
    if encoding == types.PositionEncodingKind.Utf8:
        # A cut inside a character leaves an incomplete sequence at the end, which "ignore" drops.
        return len(line.encode("utf-8")[:character].decode("utf-8", errors="ignore"))
    return len(line.encode("utf-16-le")[: 2 * character].decode("utf-16-le", errors="ignore"))


def apply_changes(
    document: OpenDocument,
    changes: Sequence[types.TextDocumentContentChangeEvent],
    encoding: str,
) -> None:
    """Apply edits in order; each one's positions are those of the text the one before it left."""
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            document.replace_all(change.text)
            continue
        start = offset(document, change.range.start, encoding)
        end = offset(document, change.range.end, encoding)
        document.replace(start, max(start, end), change.text)
