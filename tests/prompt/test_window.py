import pytest

from coder_lsp.prompt.window import window_after, window_before
from tests.support.cursor import parse_cursor

LINES = "".join(f"line{i}\n" for i in range(9))  # "line", a digit, a newline: three tokens or four


def check_window(encoder, marked, max_tokens, before, after):
    text, offset = parse_cursor(marked)
    start = window_before(encoder, text, offset, max_tokens)
    end = window_after(encoder, text, offset, max_tokens)

    assert (text[start:offset], text[offset:end]) == (before, after)
    assert len(encoder.encode(text[start:offset])) <= max_tokens
    assert len(encoder.encode(text[offset:end])) <= max_tokens


def per_line(encoder):
    return len(encoder.encode("line0\n"))


def test_a_small_document_is_seen_whole(encoder):
    check_window(encoder, "a\nb‸c\nd", 50, "a\nb", "c\nd")
    check_window(encoder, "‸", 50, "", "")


def test_a_large_document_is_cut_at_line_ends(encoder):
    size = per_line(encoder)
    marked = LINES.replace("line4", "‸line4")

    check_window(encoder, marked, 2 * size, "line2\nline3\n", "line4\nline5\n")
    check_window(encoder, marked, 2 * size + 1, "line2\nline3\n", "line4\nline5\n")


def test_all_line_ends_of_lsp_count(encoder):
    size = per_line(encoder)
    for end in ("\r\n", "\r"):
        marked = LINES.replace("\n", end).replace("line4", "‸line4")
        check_window(encoder, marked, 2 * size, f"line2{end}line3{end}", f"line4{end}line5{end}")


def test_a_line_longer_than_the_window_is_cut_inside(encoder):
    check_window(encoder, "x = 1\n" + "7" * 40 + "‸" + "8" * 40, 16, "7" * 16, "8" * 16)


@pytest.mark.parametrize("text", ["a" * 5_000_000, "def f(): pass;" * 300_000, "\n" * 5_000_000])
def test_a_huge_document_costs_its_window_only(encoder, text):
    half = len(text) // 2
    start = window_before(encoder, text, half, 1000)
    end = window_after(encoder, text, half, 1000)

    assert 0 < half - start <= 20_000
    assert 0 < end - half <= 20_000


def test_no_room_is_an_empty_window(encoder):
    check_window(encoder, "abc\nd‸ef", 0, "", "")
