"""The project's own traces: made the same way twice, right to the last character."""

import pytest

from bench.make_traces import FILES, ROOT, TRACES, make_traces
from bench.replay import is_enter_between_braces, is_pure_typing, replay
from bench.trace import read_traces

COMMITTED = read_traces(TRACES)
LANGUAGES = ("go", "python", "rust", "typescript")


def named(trace):
    return trace.name


def test_the_same_seed_makes_the_same_traces():
    assert make_traces(7) == make_traces(7)


def test_another_seed_makes_others():
    assert make_traces(7) != make_traces(8)


def test_sessions_end_with_the_finished_files():
    for trace in make_traces(7):
        last = {k.document.path: k.text for k in replay(trace)}

        for path, text in last.items():
            assert text == (ROOT / path).read_text(encoding="utf-8"), (trace.name, path)


def test_each_language_is_typed_with_and_without_an_editor_that_closes():
    assert sorted(trace.name for trace in COMMITTED) == sorted(
        f"{language}-{kind}"
        for language in LANGUAGES
        for kind in ("typing", "typing-closing", "editing")
    )
    assert sorted(FILES) == list(LANGUAGES)


@pytest.mark.parametrize("trace", COMMITTED, ids=named)
def test_a_trace_has_several_hundred_keystrokes_and_is_what_its_name_says(trace):
    assert 200 <= len(list(replay(trace))) <= 700
    assert is_pure_typing(trace) == ("-typing" in trace.name)


@pytest.mark.parametrize("trace", COMMITTED, ids=named)
def test_languages_with_braces_have_an_enter_between_them_once_in_a_hundred_keystrokes(trace):
    keystrokes = list(replay(trace))
    num_enters = sum(map(is_enter_between_braces, keystrokes))

    assert trace.name.startswith("python") or 100 * num_enters >= len(keystrokes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_editing_session_does_everything_there_is(language):
    trace = next(trace for trace in COMMITTED if trace.name == f"{language}-editing")
    keystrokes = list(replay(trace))

    assert {k.kind for k in keystrokes} == {
        "open",
        "insert",
        "delete",
        "move",
        "accept",
        "switch",
    }
    assert len({k.document.path for k in keystrokes}) == 2
    assert any(k.kind == "insert" and len(k.edits[0].text) > 60 for k in keystrokes)


def test_all_traces_together_are_small():
    assert sum(path.stat().st_size for path in TRACES.iterdir()) < 1 << 20
