"""Recent completions: when one is given again, and when not."""

import pytest

from coder_lsp.completion.completion_cache import CompletionCache
from tests.support.snapshots import snapshot_of


def found(cache, snapshot):
    outcome = cache.find(snapshot)
    return None if outcome is None else outcome.text


def check_found(completed_at: str, completion: str, asked_at: str, expected: str | None):
    cache = CompletionCache()
    cache.add(snapshot_of(completed_at), completion)

    assert found(cache, snapshot_of(asked_at)) == expected


@pytest.mark.parametrize(
    ("completed_at", "completion", "asked_at", "expected"),
    [
        ("x = ‸\ny", "foo(1)", "x = ‸\ny", "foo(1)"),
        ("x = ‸\ny", "foo(1)", "x = f‸\ny", "oo(1)"),
        ("x = ‸\ny", "foo(1)", "x = foo(1‸\ny", ")"),
        ("a‸", "\r\n\tüß👍🏽", "a\r\n\tü‸", "ß👍🏽"),
        ("x = ‸", "", "x = ‸", ""),
        ("‸", "import os", "im‸", "port os"),
        ("x = ‸\ny", "foo(1)", "x = foo(‸)\ny", "1"),  # the editor closed the bracket
        ("f(‸)\ny", "1)", "f(1‸\ny", ")"),  # and the user deleted the closer
        ("x = ‸\ny", "foo(1)\ny\ny", "x = foo(‸\ny", "1)"),  # judged at each place anew
    ],
)
def test_typing_through_leaves_the_rest(completed_at, completion, asked_at, expected):
    check_found(completed_at, completion, asked_at, expected)


@pytest.mark.parametrize(
    ("completed_at", "completion", "asked_at"),
    [
        pytest.param("x = ‸\ny", "foo(1)", "x = foo(1)‸\ny", id="typed to its end"),
        pytest.param("x = ‸\ny", "foo(1)", "x = g‸\ny", id="typed something else"),
        pytest.param("x = ‸\ny", "foo(1)", "x =‸\ny", id="went back"),
        pytest.param("x = ‸\ny", "foo(1)", "x = ‸\nz", id="other text after"),
        pytest.param("x = ‸\ny", "foo(1)", "y = ‸\ny", id="other text before"),
        pytest.param("x = ‸\ny", "foo(1)", "x = f‸\nyy", id="longer text after"),
        pytest.param("x = ‸y", "foo(1)", "x = f‸o", id="same length after"),
        pytest.param("x = ‸", "", "x = f‸", id="typed where nothing was said"),
        pytest.param("ab‸", "c", "xabc‸", id="moved"),
    ],
)
def test_another_text_around_the_cursor_is_not_answered(completed_at, completion, asked_at):
    check_found(completed_at, completion, asked_at, None)


def test_another_document_or_language_is_not_answered():
    cache = CompletionCache()
    cache.add(snapshot_of("x = ‸"), "1")

    assert found(cache, snapshot_of("x = ‸", uri="file:///b.py")) is None
    assert found(cache, snapshot_of("x = ‸", language_id="ruby")) is None


def test_the_latest_completion_is_found_first():
    cache = CompletionCache()
    cache.add(snapshot_of("x = ‸"), "foo")
    cache.add(snapshot_of("x = ‸"), "bar")

    assert found(cache, snapshot_of("x = ‸")) == "bar"
    assert found(cache, snapshot_of("x = f‸")) == "oo"


def test_the_oldest_completion_is_dropped():
    cache = CompletionCache(capacity=2)
    for name in "abc":
        cache.add(snapshot_of(f"{name} = ‸"), "1")

    assert found(cache, snapshot_of("a = ‸")) is None
    assert found(cache, snapshot_of("b = ‸")) == "1"


def test_a_closed_document_is_forgotten():
    cache = CompletionCache(capacity=2)
    cache.add(snapshot_of("x = ‸", uri="file:///b.py"), "2")
    cache.add(snapshot_of("x = ‸"), "1")
    cache.forget("file:///a.py")

    assert found(cache, snapshot_of("x = ‸")) is None
    assert found(cache, snapshot_of("x = ‸", uri="file:///b.py")) == "2"


@pytest.mark.parametrize("changed", [0, 1000, 1_000_000])
def test_a_huge_document_is_answered_from_what_surrounds_the_cursor(changed):
    lines = "".join(f"name_{i} = {i}\n" for i in range(200_000))
    cursor = 1_000_000 + 20
    before, after = lines[:cursor], lines[cursor:]
    cache = CompletionCache()
    cache.add(snapshot_of(f"{before}‸{after}"), "typed")
    edited = f"{after[:changed]}#{after[changed + 1 :]}"

    assert found(cache, snapshot_of(f"{before}ty‸{after}")) == "ped"
    is_seen = changed < 1 << 18
    assert found(cache, snapshot_of(f"{before}ty‸{edited}")) == (None if is_seen else "ped")


@pytest.mark.parametrize(
    ("raw", "reason", "expected"),
    [
        ("a + 1\n    b\n    return some_func", "length", "a + 1\n    b"),
        ("a + 1\n    b\n    return some_func", "stop", "a + 1\n    b\n    return some_func"),
    ],
)
@pytest.mark.parametrize("typed", ["", "a "])
def test_a_line_that_a_limit_cut_off_is_not_shown_later_either(raw, reason, expected, typed):
    cache = CompletionCache()
    cache.add(snapshot_of("def f():\n    b = ‸"), raw, reason)

    assert found(cache, snapshot_of(f"def f():\n    b = {typed}‸")) == expected[len(typed) :]


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n"])
def test_line_ends_of_an_answer_are_not_doubled(line_end):
    """The model may write other line ends than the document has."""
    cache = CompletionCache()
    cache.add(snapshot_of("x = ‸\r\ny\r\n"), f"f({line_end}    1,{line_end}    2")

    assert found(cache, snapshot_of("x = ‸\r\ny\r\n")) == "f(\r\n    1,\r\n    2"
    assert found(cache, snapshot_of("x = f(\r\n ‸\r\ny\r\n")) == "   1,\r\n    2"


def test_an_answer_of_an_instruct_model_is_judged_as_one():
    cache = CompletionCache()
    cache.add(snapshot_of("x = ‸"), "f(y)  # why", is_instruct=True)

    assert found(cache, snapshot_of("x = f‸")) == "(y)"
