"""What plain PSM computes, counted on token ids."""

from bench.naive_psm import NaivePsm
from bench.trace import Trace, TraceDocument, TraceEvent
from coder_lsp.models.model_folder import FimTemplate
from tests.support.cursor import parse_cursor

FIM = FimTemplate("psm", 1000, 1001, 1002, 1003, 1004, "before_fim_begin")


class OneTokenACharacter:
    """Stands in for a tokenizer: counts can then be seen in the text."""

    def encode(self, text):
        return [ord(character) for character in text]


def check_count(marked, typed, expected, *, window=10_000):
    """Type a text character by character at the cursor; expect the tokens of each keystroke."""
    text, offset = parse_cursor(marked)
    events = tuple(
        TraceEvent(float(i), "insert", "a.py", offset + i, character)
        for i, character in enumerate(typed)
    )
    trace = Trace("test", TraceDocument("a.py", "python", text), events)

    counts = list(NaivePsm(OneTokenACharacter(), FIM, window, 0).count(trace, None))

    assert counts == expected


def test_a_keystroke_costs_itself_and_all_that_follows_the_cursor():
    # The character, fim_hole, the four characters of the suffix, fim_end.
    check_count("ab‸ cd\n", "xy", [7, 7])


def test_at_the_end_of_a_document_it_costs_little():
    check_count("ab‸", "xyz", [3, 3, 3])


def test_the_suffix_is_cut_to_its_share_of_the_window():
    # 4 of the window's 44 tokens are the template's; of the rest, a quarter is for the suffix.
    check_count("ab‸\n" + "123\n" * 20, "xy", [12, 12], window=44)


def test_the_window_stays_while_it_fits_and_moves_in_a_large_step():
    lines = "123456\nabcdef\nghijkl\nmnopqr\n‸"

    # Of 30 tokens for the prefix 28 are taken. The third keystroke makes 31: two lines stay.
    check_count(lines, "wxyz", [3, 3, 2 * 7 + 3 + 2, 3], window=44)


def test_going_back_to_a_known_text_costs_what_follows_the_change():
    trace = Trace(
        "test",
        TraceDocument("a.py", "python", "abc"),
        (
            TraceEvent(1, "insert", "a.py", 3, "d"),
            TraceEvent(2, "delete", "a.py", 3, "d"),
            TraceEvent(3, "move", "a.py", 3, ""),
        ),
    )

    counts = list(NaivePsm(OneTokenACharacter(), FIM, 10_000, 0).count(trace, None))

    assert counts == [3, 2, 1]


def test_only_so_many_keystrokes_are_counted_as_are_replayed():
    events = tuple(TraceEvent(i, "insert", "a.py", i, "x") for i in range(9))
    trace = Trace("test", TraceDocument("a.py", "python", ""), events)

    assert len(list(NaivePsm(OneTokenACharacter(), FIM, 10_000, 0).count(trace, 4))) == 4
