"""Reading traces, and replaying them keystroke by keystroke."""

import json

import pytest

from bench.errors import TraceError
from bench.replay import is_pure_typing, replay
from bench.trace import Trace, TraceDocument, TraceEvent, read_trace, write_trace
from tests.support.cursor import CURSOR

PATH = "a.py"


def trace_of(text, *events):
    """Return a trace; an event is a kind, an offset and a text, at a time of its own each."""
    made = tuple(TraceEvent(100.0 * i, *event) for i, event in enumerate(events, 1))
    return Trace("test", TraceDocument(PATH, "python", text), made)


def event(kind, offset, text="", path=PATH):
    return (kind, path, offset, text)


def check_replay(text, events, states):
    """Replay events; the states, cursor marked, are those after the opening and each keystroke."""
    keystrokes = list(replay(trace_of(text, *events)))
    found = [k.text[: k.cursor] + CURSOR + k.text[k.cursor :] for k in keystrokes]

    assert found == states


def test_typing_puts_the_cursor_behind_what_was_typed():
    check_replay(
        "ab",
        [event("insert", 1, "x"), event("insert", 2, "y")],
        ["a‸b", "ax‸b", "axy‸b"],
    )


def test_backspace_takes_what_is_before_the_cursor():
    check_replay("abc", [event("delete", 1, "b")], ["ab‸c", "a‸c"])


def test_in_a_pair_the_cursor_stands_where_the_next_key_comes():
    check_replay(
        "f",
        [event("insert", 1, "()"), event("insert", 2, "x"), event("move", 4)],
        ["f‸", "f(‸)", "f(x‸)", "f(x)‸"],
    )


def test_a_pair_that_nothing_follows_holds_the_cursor():
    check_replay("f", [event("insert", 1, "()")], ["f‸", "f(‸)"])


def test_enter_between_braces_leaves_the_cursor_on_the_line_between():
    check_replay(
        "{}",
        [event("insert", 1, "\n  \n"), event("insert", 4, "x")],
        ["{‸}", "{\n  ‸\n}", "{\n  x‸\n}"],
    )


def test_pasting_moves_the_cursor_to_the_end():
    check_replay("", [event("insert", 0, "x = 1\ny = 2\n")], ["‸", "x = 1\ny = 2\n‸"])


def test_events_of_one_time_are_one_keystroke():
    events = (
        TraceEvent(5, "delete", PATH, 2, "  "),
        TraceEvent(5, "insert", PATH, 2, "\n  "),
    )
    trace = Trace("test", TraceDocument(PATH, "python", "a\n  "), events)

    keystrokes = list(replay(trace))

    assert [k.text for k in keystrokes] == ["a\n  ", "a\n\n  "]
    assert [len(k.edits) for k in keystrokes] == [0, 2]


def test_a_second_document_is_opened_and_left_again():
    keystrokes = list(
        replay(
            trace_of(
                "a",
                event("insert", 1, "b"),
                event("open", 3, "fn x", "b.rs"),
                event("insert", 3, "y", "b.rs"),
                event("switch", 0),
            )
        )
    )

    assert [k.document.path for k in keystrokes] == [PATH, PATH, "b.rs", "b.rs", PATH]
    assert keystrokes[2].document.language == "rust"
    assert [k.text for k in keystrokes[3:]] == ["fn yx", "ab"]
    assert [k.pause_ms for k in keystrokes] == [100, 100, 100, 100, 0]


def check_pure(text, events, *, expected):
    assert is_pure_typing(trace_of(text, *events)) is expected


@pytest.mark.parametrize(
    "events",
    [
        [event("insert", 1, "x"), event("delete", 1, "x")],
        [event("insert", 1, "\n    "), event("delete", 2, "    ")],
        [event("insert", 1, "()"), event("insert", 2, "x"), event("move", 4)],
        [event("insert", 1, "{}"), event("insert", 2, "\n\n"), event("insert", 3, "x")],
        [event("insert", 1, "{}"), event("insert", 2, "\n\n"), event("move", 5)],
    ],
    ids=["backspace", "dedent", "pair", "enter between braces", "over a brace below"],
)
def test_characters_newlines_backspaces_and_pairs_are_pure_typing(events):
    check_pure("a", events, expected=True)


@pytest.mark.parametrize(
    "events",
    [
        [event("insert", 1, "pasted text")],
        [event("insert", 1, "x"), event("insert", 0, "y")],
        [event("insert", 1, "x"), event("move", 0)],
        [event("accept", 1, "x")],
        [event("delete", 0, "abc")],
        [],
    ],
    ids=["paste", "elsewhere", "move", "accept", "a word at once", "nothing"],
)
def test_anything_else_is_not_pure_typing(events):
    check_pure("abc", events, expected=False)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (event("delete", 0, "b"), "should take 'b', found 'a'"),
        (event("insert", 9, "x"), "outside its 3 characters"),
        (event("insert", 0, "x", "other.py"), "not open"),
        (event("open", 9, "x", "other.py"), "outside its text"),
    ],
    ids=["other text", "past the end", "not open", "cursor past the end"],
)
def test_an_event_that_does_not_fit_is_named(bad, problem):
    with pytest.raises(TraceError, match=problem) as caught:
        list(replay(trace_of("abc", event("insert", 0, ""), bad)))

    assert "event 2" in str(caught.value)


def write_lines(path, *lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


HEADER = json.dumps({"path": PATH, "language": "python", "text": "é"})
INSERT = {"t_ms": 1, "kind": "insert", "path": PATH, "offset": 0, "text": "x"}


def test_a_trace_is_read_as_it_was_written(tmp_path):
    trace = trace_of("é\n", event("insert", 2, "ü"), event("move", 0))

    write_trace(tmp_path / "test.jsonl", trace)

    assert read_trace(tmp_path / "test.jsonl") == trace


def test_what_the_format_does_not_know_is_passed_over_and_a_move_needs_no_text(tmp_path):
    move = {"t_ms": 2, "kind": "move", "path": PATH, "offset": 0, "note": "?"}
    path = write_lines(tmp_path / "t.jsonl", HEADER, json.dumps(move), "")

    assert read_trace(path).events == (TraceEvent(2.0, "move", PATH, 0, ""),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "2: this line is not JSON"),
        ("[]", "2: expected an object"),
        (json.dumps({**INSERT, "kind": "type"}), "2: the kind 'type' is not known"),
        (json.dumps({**INSERT, "offset": "0"}), "2: the field 'offset' cannot be '0'"),
        (json.dumps({k: v for k, v in INSERT.items() if k != "t_ms"}), "2: the field 't_ms'"),
        (json.dumps({k: v for k, v in INSERT.items() if k != "text"}), "2: the field 'text'"),
    ],
)
def test_a_line_that_is_no_event_is_refused_by_its_number(tmp_path, line, problem):
    path = write_lines(tmp_path / "t.jsonl", HEADER, line)

    with pytest.raises(TraceError, match=problem):
        read_trace(path)


def test_time_does_not_go_back(tmp_path):
    later = json.dumps({**INSERT, "t_ms": 5})
    path = write_lines(tmp_path / "t.jsonl", HEADER, later, json.dumps(INSERT))

    with pytest.raises(TraceError, match="3: t_ms goes back"):
        read_trace(path)


def test_a_file_that_is_empty_or_not_text_is_refused(tmp_path):
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")

    with pytest.raises(TraceError, match="is empty"):
        read_trace(tmp_path / "empty.jsonl")
    with pytest.raises(TraceError, match="UTF-8"):
        read_trace(tmp_path / "bytes.jsonl")
