"""A document on its way to the finished text, region by region."""

from dataclasses import dataclass, field

from bench.errors import TraceError


@dataclass(slots=True)
class Region:
    """A part of the finished text that is not there yet.

    ``start``: where it stands in the finished text. ``initial`` stands in its place at first.
    ``num_written`` characters of ``final`` stand before ``cursor``, which counts from the region's
    start; ``length`` is what the region takes now. ``closers``: offsets in ``final`` of closers
    that the editor has put behind the cursor already.
    """

    start: int
    final: str
    initial: str = ""
    length: int = 0
    num_written: int = 0
    cursor: int = 0
    closers: set[int] = field(default_factory=set)

    @property
    def end(self) -> int:
        """Where it ends in the finished text."""
        return self.start + len(self.final)

    @property
    def rest(self) -> str:
        """What is still to be written."""
        return self.final[self.num_written :]


class Draft:
    """``text`` is the document now; ``path`` and ``language`` as in a trace."""

    def __init__(self, path: str, language: str, finished: str) -> None:
        self.path = path
        self.language = language
        self.finished = finished
        self.text = finished
        self._regions: list[Region] = []

    def take_out(self, start: int, final: str, initial: str = "") -> Region:
        """Take a part out of the document before the session starts; regions do not overlap."""
        region = Region(start, final, initial, length=len(initial))
        if not self.is_free(start, region.end) or not self.finished.startswith(final, start):
            raise TraceError(f"{self.path}: {final[:40]!r} cannot be taken out at {start}.")
        offset = self.offset_of(region)
        self.text = self.text[:offset] + initial + self.text[offset + len(final) :]
        self._regions.append(region)
        return region

    def is_free(self, start: int, end: int) -> bool:
        """Whether no region touches the finished text from ``start`` to ``end``."""
        return all(end < other.start or start > other.end for other in self._regions)

    def offset_of(self, region: Region) -> int:
        """Return where a region starts in the document now."""
        return self.offset_now(region.start)

    def offset_now(self, finished_offset: int) -> int:
        """Return where a place of the finished text, outside of all regions, is now."""
        before = (r for r in self._regions if r.end <= finished_offset)
        return finished_offset - sum(len(r.final) - r.length for r in before)

    def replace(self, region: Region, start: int, end: int, text: str) -> None:
        """Replace text within a region; offsets are the document's."""
        self.text = self.text[:start] + text + self.text[end:]
        region.length += len(text) - (end - start)
