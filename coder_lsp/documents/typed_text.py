"""What was typed at a cursor since an earlier version of a document."""

import re
from dataclasses import dataclass

from coder_lsp.documents.document import DocumentSnapshot, after_closing_tail

WINDOW = 1 << 18
"""Characters on either side of the cursor that must be unchanged.

A document may have megabytes. This is more than a model sees of it: 2,048 tokens of 128 blanks.
"""

_LINE_END = re.compile(r"\r\n|\r")


def with_newlines(text: str) -> str:
    r"""Return a text whose line ends are ``\n``."""
    return _LINE_END.sub("\n", text) if "\r" in text else text


def continues_with(text: str, cursor: int, after: str) -> bool:
    """Whether ``after`` follows the closers right of a cursor.

    Closers may come and go while the user types: editors insert them, and the user types over them.
    """
    return text.startswith(after, after_closing_tail(text, cursor))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text around a cursor at one moment, without the closers right of the cursor.

    ``offset`` is the cursor, ``after_length`` the number of characters in the document from the
    start of ``after`` to its end; ``before`` and ``after`` contain at most ``WINDOW`` characters.
    """

    uri: str
    offset: int
    before: str
    after: str
    after_length: int

    @classmethod
    def of(cls, snapshot: DocumentSnapshot) -> "Surroundings":
        """Return the surroundings of a snapshot's cursor."""
        text, offset = snapshot.text, snapshot.offset
        start = after_closing_tail(text, offset)
        before = text[max(0, offset - WINDOW) : offset]
        return cls(snapshot.uri, offset, before, text[start : start + WINDOW], len(text) - start)

    def typed_since(self, snapshot: DocumentSnapshot) -> str | None:
        r"""Return what was typed at this cursor to make ``snapshot`` of the document.

        None if anything else was changed. Line ends are returned as ``\n``.
        """
        text, cursor = snapshot.text, snapshot.offset
        if cursor < self.offset or self.uri != snapshot.uri:
            return None
        if len(text) - after_closing_tail(text, cursor) != self.after_length:
            return None
        if not continues_with(text, cursor, self.after):
            return None
        if not text.startswith(self.before, self.offset - len(self.before)):
            return None
        return with_newlines(text[self.offset : cursor])


def typed_since(before: DocumentSnapshot, after: DocumentSnapshot) -> str | None:
    """Return what was typed at the cursor of ``before`` to make ``after`` of it, else None."""
    return Surroundings.of(before).typed_since(after)
