"""One edit of a text, and what it really changed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """``removed`` stood at the offset ``start``, ``text`` stands there now."""

    start: int
    removed: str
    text: str

    @property
    def end(self) -> int:
        """Where the removed text ended."""
        return self.start + len(self.removed)

    def minimal(self) -> "Edit":
        """Return the same edit without what it put back: first what both begin with."""
        start = num_common(self.removed, self.text)
        removed, text = self.removed[start:], self.text[start:]
        tail = _num_common_at_end(removed, text)
        return Edit(self.start + start, removed[: len(removed) - tail], text[: len(text) - tail])


def num_common(first: str, second: str) -> int:
    """Return the length of what two texts begin with, at the price of a few comparisons."""
    least, most = 0, min(len(first), len(second))
    while least < most:
        middle = (least + most + 1) // 2
        if first[least:middle] == second[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _num_common_at_end(first: str, second: str) -> int:
    return num_common(first[::-1], second[::-1])
