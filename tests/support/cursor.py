"""The cursor as a mark in the text: ``def f(‸):``."""

CURSOR = "‸"


def parse_cursor(text: str) -> tuple[str, int]:
    """Return the text without its one mark, and the mark's offset in code points."""
    before, mark, after = text.partition(CURSOR)
    assert mark, f"no cursor mark in {text!r}"
    assert CURSOR not in after, f"two cursor marks in {text!r}"
    return before + after, len(before)
