r"""Where the lines of a text start, kept up to date edit by edit.

Lines end at ``\n``, ``\r\n`` and ``\r`` only, as LSP has it.
"""

import re
from bisect import bisect_right

LINE_END = re.compile(r"\r\n|\n|\r")


class LineIndex:
    """The offsets at which lines start, in code points; the first one is 0.

    Every edit shifts all later lines. That shift is not carried out at once: the starts from
    ``_shifted_from`` on are to be read ``_shift`` higher than they are stored. Edits that follow
    each other closely, as typing does, then cost what they change; moving to another place costs
    the lines between the two places, once.
    """

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in LINE_END.finditer(text))]
        self._shifted_from = len(self._starts)
        self._shift = 0

    def __len__(self) -> int:
        return len(self._starts)

    def start(self, line: int) -> int:
        """Return the offset at which a line starts (0 ≤ line < len)."""
        return self._starts[line] + (self._shift if line >= self._shifted_from else 0)

    def line_at(self, offset: int) -> int:
        """Return the line that an offset lies in; the end of the text lies in the last line."""
        return self._first_start_after(offset) - 1

    def replace(self, text: str, start: int, old_end: int, new_end: int) -> None:
        r"""Follow an edit: ``text`` is the new text, ``start:old_end`` became ``start:new_end``.

        An edit may take the two halves of ``\r\n`` apart or bring them together, so a ``\r`` before
        it and a ``\n`` after it are looked at again.
        """
        shift = new_end - old_end
        if start > 0 and text[start - 1] == "\r":
            start -= 1
        if text[new_end : new_end + 1] == "\n":
            old_end, new_end = old_end + 1, new_end + 1
        first, last = self._first_start_after(start), self._first_start_after(old_end)
        self._move_shift_to(last)
        found = [match.end() for match in LINE_END.finditer(text, start, new_end)]
        self._starts[first:last] = found
        self._shifted_from = first + len(found)
        self._shift += shift

    def _first_start_after(self, offset: int) -> int:
        """Return the index of the first line that starts after ``offset``."""
        border = self._shifted_from
        if border < len(self._starts) and self.start(border) <= offset:
            return bisect_right(self._starts, offset - self._shift, lo=border)
        return bisect_right(self._starts, offset, hi=border)

    def _move_shift_to(self, border: int) -> None:
        """Carry the pending shift out, or take it back, for the lines up to ``border``."""
        low, high = sorted((self._shifted_from, border))
        shift = self._shift if border > self._shifted_from else -self._shift
        self._starts[low:high] = [start + shift for start in self._starts[low:high]]
        self._shifted_from = border
