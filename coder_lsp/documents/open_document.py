"""A document as the editor has it open: the one mutable text, edited as the editor says."""

import re

from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.documents.edit import Edit
from coder_lsp.documents.line_index import LineIndex

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE_END_CHARACTERS = "\r\n"


def without_surrogates(text: str) -> str:
    """Return a text in which halves of surrogate pairs are U+FFFD, one code point each."""
    return _SURROGATE.sub("\ufffd", text)


class OpenDocument:
    """A text at a version, addressed by lines and by code points.

    Half a surrogate pair, which JSON can carry but no encoder takes, is kept as U+FFFD: that is
    one code point and one UTF-16 unit too, so that positions stay what the client means.
    """

    def __init__(self, uri: str, version: int, language_id: str, text: str) -> None:
        self.uri = uri
        self.version = version
        self.language_id = language_id
        self._text = without_surrogates(text)
        self._lines = LineIndex(self._text)
        self._edit_end = 0
        self._edits: list[Edit] = []

    @property
    def edit_end(self) -> int:
        """Where the text of the last edit ends; most often the cursor stands there."""
        return self._edit_end

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    @property
    def num_lines(self) -> int:
        """The number of lines; a line end at the end of the text begins one more."""
        return len(self._lines)

    def line_at(self, offset: int) -> int:
        """Return the line that an offset lies in."""
        return self._lines.line_at(offset)

    def line_start(self, line: int) -> int:
        """Return the offset at which a line starts (0 ≤ line < num_lines)."""
        return self._lines.start(line)

    def line_text(self, line: int) -> str:
        """Return a line without its line end (0 ≤ line < num_lines)."""
        last = line + 1 == len(self._lines)
        end = len(self._text) if last else self._lines.start(line + 1)
        content = self._text[self._lines.start(line) : end]
        # Only the last two characters can be the line end; the line's own text ends in neither.
        return content.rstrip(_LINE_END_CHARACTERS)

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace ``start:end`` by ``text`` (0 ≤ start ≤ end ≤ len(self.text))."""
        text = without_surrogates(text)
        self._edits.append(Edit(start, self._text[start:end], text))
        self._text = "".join((self._text[:start], text, self._text[end:]))
        self._edit_end = start + len(text)
        self._lines.replace(self._text, start, end, self._edit_end)

    def replace_all(self, text: str) -> None:
        """Replace the whole text."""
        before, self._text = self._text, without_surrogates(text)
        self._edits.append(Edit(0, before, self._text))
        self._lines = LineIndex(self._text)
        self._edit_end = len(self._text)

    def take_edits(self) -> list[Edit]:
        """Return the edits since this was last called."""
        edits, self._edits = self._edits, []
        return edits

    def snapshot(self, offset: int) -> DocumentSnapshot:
        """Return the document as it is now, with the cursor at ``offset``."""
        return DocumentSnapshot(self.uri, self.version, self.language_id, self._text, offset)
