import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.engine.decoding.stop import StopStrings


def check_stop(stops, pieces, text, *, is_stopped):
    stop, out, stopped = StopStrings(stops), "", False
    for piece in pieces:
        result = stop.add(piece)
        out += result.text
        if result.is_stopped:
            stopped = True
            break
    if not stopped:
        out += stop.flush()

    assert (out, stopped) == (text, is_stopped)


@pytest.mark.parametrize(
    ("stops", "pieces", "text", "is_stopped"),
    [
        ((), ["a", "b"], "ab", False),
        (("STOP",), ["a STOP b"], "a ", True),
        (("STOP",), ["a S", "TO", "P b"], "a ", True),
        (("STOP",), ["a S", "TO", "X"], "a STOX", False),
        (("STOP",), ["a STO"], "a STO", False),
        (("aab",), ["aa", "ab"], "a", True),
        (("\n\n", "def"), ["x\n", "de", "f"], "x\n", True),
        (("b", "ab"), ["xab"], "x", True),
        (("",), ["a"], "a", False),
    ],
)
def test_stop_strings(stops, pieces, text, is_stopped):
    check_stop(stops, pieces, text, is_stopped=is_stopped)


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_the_stop_string_that_is_complete_first_stops(text, stops):
    ends = [end for end in range(len(text) + 1) if text[:end].endswith(tuple(stops))]
    ending = [stop for stop in stops if ends and text[: ends[0]].endswith(stop)]
    expected = text[: ends[0] - max(map(len, ending))] if ends else text

    check_stop(tuple(stops), list(text), expected, is_stopped=bool(ends))
