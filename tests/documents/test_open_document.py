"""The open document and its line index, against a slow document that is obviously right."""

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from lsprotocol import types

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.lsp import from_lsp, to_lsp
from tests.support.editor import num_units

# Line ends of LSP, what only ``str.splitlines`` takes for one, and characters of every width.
ALPHABET = "ab\r\n\f\v\x1c\u0085\u2028\u2029\u00e9\u0301\u20ac\N{GRINNING FACE}"
TEXT = st.lists(st.sampled_from([*ALPHABET, "\r\n"]), max_size=12).map("".join)
ENCODINGS = ("utf-8", "utf-16", "utf-32")


class SlowDocument:
    """Recomputes everything from the text each time."""

    def __init__(self, text: str) -> None:
        self.text = text

    def line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\r\n|\n|\r", self.text))]

    def lines(self) -> list[str]:
        return re.split("\r\n|\n|\r", self.text)

    def offset(self, position: types.Position, encoding: str) -> int:
        lines = self.lines()
        if position.line >= len(lines):
            return len(self.text)
        units = 0
        for column, character in enumerate(lines[position.line]):
            units += num_units(character, encoding)
            if units > position.character:
                return self.line_starts()[position.line] + column
        return self.line_starts()[position.line] + len(lines[position.line])

    def change(self, change: types.TextDocumentContentChangePartial, encoding: str) -> None:
        start = self.offset(change.range.start, encoding)
        end = max(start, self.offset(change.range.end, encoding))
        self.text = self.text[:start] + change.text + self.text[end:]


POSITION = st.builds(types.Position, st.integers(0, 8), st.integers(0, 16))
CHANGE = st.builds(
    types.TextDocumentContentChangePartial, st.builds(types.Range, POSITION, POSITION), TEXT
)


def check_equal(document: OpenDocument, slow: SlowDocument) -> None:
    lines = slow.lines()
    starts = slow.line_starts()

    assert document.text == slow.text
    assert [document.line_start(i) for i in range(document.num_lines)] == starts
    assert [document.line_text(i) for i in range(document.num_lines)] == lines
    for offset in range(len(slow.text) + 1):
        assert document.line_at(offset) == sum(start <= offset for start in starts) - 1


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None)
@given(text=TEXT, changes=st.lists(CHANGE, max_size=6))
def test_edits_land_where_the_client_means(
    encoding: str, text: str, changes: list[types.TextDocumentContentChangePartial]
) -> None:
    document = OpenDocument("file:///a", 1, "python", text)
    slow = SlowDocument(text)
    for change in changes:
        from_lsp.apply_changes(document, [change], encoding)
        slow.change(change, encoding)

        check_equal(document, slow)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None)
@given(text=TEXT, position=POSITION)
def test_positions_are_clamped_and_come_back(
    encoding: str, text: str, position: types.Position
) -> None:
    document = OpenDocument("file:///a", 1, "python", text)

    offset = from_lsp.offset(document, position, encoding)

    assert offset == SlowDocument(text).offset(position, encoding)
    end = to_lsp.place(document, offset, encoding).range.end
    assert from_lsp.offset(document, end, encoding) == offset


@settings(deadline=None)
@given(text=TEXT, edits=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 5), TEXT)))
def test_edits_between_the_halves_of_a_line_end(
    text: str, edits: list[tuple[int, int, str]]
) -> None:
    document = OpenDocument("file:///a", 1, "python", text)
    slow = SlowDocument(text)
    for place, length, new in edits:
        start = place % (len(slow.text) + 1)
        end = min(start + length, len(slow.text))
        document.replace(start, end, new)
        slow.text = slow.text[:start] + new + slow.text[end:]

        check_equal(document, slow)


def test_half_a_surrogate_pair_becomes_one_replacement_character() -> None:
    document = OpenDocument("file:///a", 1, "python", "a\ud83d")
    document.replace(0, 1, "\ude00")
    assert document.text == "\ufffd\ufffd"

    document.replace_all("\udfff\n")
    assert document.text == "\ufffd\n"
    assert document.num_lines == 2


TYPED_WORDS = {
    "": "",
    "x = na": "na",
    "x.": "",
    "a-b_1": "b_1",
    "caf\u00e9": "caf\u00e9",
    "cafe\u0301": "cafe\u0301",
    "\N{GRINNING FACE}": "",
    "\u540d\u524d": "\u540d\u524d",
}


def test_the_typed_word_is_what_editors_take_for_one() -> None:
    found = {line_prefix: to_lsp.typed_word(line_prefix) for line_prefix in TYPED_WORDS}

    assert found == TYPED_WORDS
