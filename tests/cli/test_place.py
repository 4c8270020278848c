from pathlib import Path

import click
import pytest

from coder_lsp.cli.place import Place, offset_of, parse_place, read_snapshot
from coder_lsp.errors import DocumentError
from tests.support.cursor import parse_cursor

ARGUMENT = click.Argument(["place"])
CONTEXT = click.Context(click.Command("complete"))


def check_argument(argument, path, line, column):
    place = parse_place(CONTEXT, ARGUMENT, argument)

    assert place == Place(Path(path), line, column)


def test_the_last_two_numbers_are_line_and_column():
    check_argument("app.py:12:5", "app.py", 12, 5)
    check_argument("a:1:b:2:3", "a:1:b", 2, 3)
    check_argument("with blank.py:1:1", "with blank.py", 1, 1)


def test_the_colon_of_a_windows_drive_belongs_to_the_path():
    check_argument(r"C:\src\app.py:12:5", r"C:\src\app.py", 12, 5)
    check_argument("C:/src/app.py:1:1", "C:/src/app.py", 1, 1)


@pytest.mark.parametrize(
    "argument",
    ["", "app.py", "app.py:3", "app.py:3:", "app.py:0:1", "app.py:1:0", ":1:1", "app.py:-1:1",
     "app.py:1:x", "app.py:\u0661:1", r"C:\src\app.py", r"C:\src\app.py:3"],
)  # fmt: skip
def test_anything_else_is_a_usage_error(argument):
    with pytest.raises(click.BadParameter, match="expected FILE:LINE:COLUMN"):
        parse_place(CONTEXT, ARGUMENT, argument)


def check_offset(text_with_cursor, line, column):
    text, offset = parse_cursor(text_with_cursor)

    assert offset_of(text, Place(Path("a.py"), line, column)) == offset


def test_lines_and_columns_count_from_one():
    check_offset("‸", 1, 1)
    check_offset("‸ab\ncd\n", 1, 1)
    check_offset("ab‸\ncd\n", 1, 3)
    check_offset("ab\ncd\n‸", 3, 1)


def test_columns_count_code_points():
    check_offset("x = '👍🏽e\u0301'‸  # é", 1, 11)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_of_lsp_ends_a_line(end):
    check_offset(f"ab{end}cd‸{end}", 2, 3)
    check_offset(f"{end}{end}‸", 3, 1)


@pytest.mark.parametrize("mark", ["\f", "\v", "\x85", "\u2028", "\u2029", "\x1c"])
def test_nothing_else_ends_a_line(mark):
    check_offset(f"ab{mark}c‸d\ne", 1, 5)


def check_past_the_end(text, line, column, message):
    with pytest.raises(DocumentError, match=message):
        offset_of(text, Place(Path("a.py"), line, column))


def test_a_position_past_the_end_tells_where_the_end_is():
    check_past_the_end("", 1, 2, "has 0 characters; the cursor can be at columns 1 to 1")
    check_past_the_end("", 2, 1, "has 1 line; there is no line 2")
    check_past_the_end("ab\r\ncd", 1, 4, "has 2 characters; .* columns 1 to 3, not at 4")
    check_past_the_end("ab\ncd\n", 4, 1, "has 3 lines; there is no line 4")


def check_unreadable(path, message):
    with pytest.raises(DocumentError, match=message):
        read_snapshot(Place(path, 1, 1))


def test_what_cannot_be_read_is_told_with_its_reason(tmp_path):
    latin = tmp_path / "latin.py"
    latin.write_bytes("x = 'é'".encode("latin-1"))

    check_unreadable(tmp_path / "missing.py", "There is no file")
    check_unreadable(tmp_path, "cannot be read: it is a directory")
    check_unreadable(latin, "is not UTF-8: byte 0xe9 at offset 5")


def test_a_snapshot_keeps_line_ends_and_drops_the_byte_order_mark(tmp_path):
    path = tmp_path / "a b.ts"
    path.write_bytes(b"\xef\xbb\xbflet x\r\nlet y\r")

    snapshot = read_snapshot(Place(path, 2, 4))

    assert (snapshot.prefix, snapshot.suffix) == ("let x\r\nlet", " y\r")
    assert snapshot.language_id == "typescript"
    assert snapshot.uri == path.as_uri()
