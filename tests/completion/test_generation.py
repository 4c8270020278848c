"""A generation under way, and which later keystrokes it may answer."""

import pytest

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.generation import Generation
from coder_lsp.generation import GenerationChunk, GenerationOptions, GenerationUsage
from coder_lsp.request import Request
from tests.support.snapshots import snapshot_of


class PausingBackend:
    """Says ``said``, asks ``during`` what it wants to know, then says the rest."""

    model = "pausing"
    is_instruct = False
    notices = ()

    def __init__(self, said, rest, during):
        self._said, self._rest, self._during = said, rest, during

    def stream(self, request: Request, cancellation: CancellationToken):
        yield GenerationChunk(self._said, (-0.5,), usage=GenerationUsage(9, 4, 1))
        self._during()
        yield GenerationChunk(self._rest, (-0.5,), "stop", GenerationUsage(9, 4, 2))


def request_at(text):
    return Request(snapshot_of(text), GenerationOptions())


def check_agreement(asked_at, said, later, *, while_running, at_end):
    """While it runs, the model has said ``said[0]``; at the end, all of it."""
    running = Generation(request_at(asked_at), CancellationToken())
    found = []
    backend = PausingBackend(*said, lambda: found.append(running.may_answer(snapshot_of(later))))
    running.run(backend)

    assert found == [while_running]
    assert running.may_answer(snapshot_of(later)) is at_end


@pytest.mark.parametrize(
    ("asked_at", "said", "later", "while_running", "at_end"),
    [
        ("x = ‸\ny", ("fo", "o(1)"), "x = f‸\ny", True, True),
        ("x = ‸\ny", ("fo", "o(1)"), "x = foo‸\ny", True, True),
        ("x = ‸\ny", ("fo", "o(1)"), "x = fx‸\ny", False, False),
        ("x = ‸\ny", ("fo", "o(1)"), "x = fox‸\ny", True, False),
        ("x = ‸\ny", ("fo", "o(1)"), "x = ‸\nz", False, False),
        ("x = ‸\ny", ("fo", "o(1)"), "z = f‸\ny", False, False),
        ("x = ‸\ny", ("fo", "o(1)"), "x =‸\ny", False, False),
        ("x = ‸\ny", ("fo", "o(1)"), "x = foo(‸)\ny", True, True),  # the editor closes
        ("f(‸)\ny", ("1", ")"), "f(1)‸\ny", True, True),  # the user types over it
        ("f() {‸}\r\ny", ("\n", "\ta()"), "f() {\r\n‸\r\n}\r\ny", True, True),
    ],
)
def test_agreement(asked_at, said, later, while_running, at_end):
    check_agreement(asked_at, said, later, while_running=while_running, at_end=at_end)


@pytest.mark.parametrize(
    ("asked_at", "raw", "edited", "agrees"),
    [
        ("x = ‸\ny", "foo(1)", "x = f‸\ny", True),
        ("x = ‸\ny", "foo(1)", "x = foo()‸\ny", True),  # the cursor may stand between the two
        ("x = ‸\ny", "foo(1)", "x = foo(2‸\ny", False),
        ("f() {‸}\ny", "\n\ta()", "f() {\n\t\n‸}\ny", True),
        ("x = ‸\ny", "foo(1)", "x = \ny\nz‸", False),
    ],
)
def test_an_edit_of_which_only_the_end_is_known(asked_at, raw, edited, agrees):
    running = Generation(request_at(asked_at), CancellationToken())
    running.run(PausingBackend(raw, "", lambda: None))
    snapshot = snapshot_of(edited)

    assert running.may_answer_edit(snapshot.text, snapshot.offset) is agrees


def check_answer(asked_at, raw, later, text, refused_by=None):
    running = Generation(request_at(asked_at), CancellationToken())
    running.run(PausingBackend(raw, "", lambda: None))
    completion = running.completion_for(request_at(later))

    assert (completion.text, completion.refused_by) == (text, refused_by)


def test_the_tail_is_judged_at_its_own_place():
    check_answer("x = ‸\ny", "foo(1)", "x = f‸\ny", "oo(1)")
    check_answer("x = ‸\ny", "foo(1)", "x = foo(‸)\ny", "1")
    check_answer("x = ‸\ny", "foo(1)", "x = foo(1)‸\ny", "", "empty")


def test_for_another_text_it_says_nothing():
    running = Generation(request_at("x = ‸"), CancellationToken())
    running.run(PausingBackend("foo", "", lambda: None))
    completion = running.completion_for(request_at("x = g‸"))

    assert (completion.text, completion.raw, completion.finish_reason) == ("", "", "cancelled")


def test_what_stands_so_far_can_be_asked_for():
    running = Generation(request_at("x = ‸"), CancellationToken())
    found = []
    backend = PausingBackend(
        "fo", "o", lambda: found.append(running.completion_for(running.request))
    )
    running.run(backend)

    assert [(c.text, c.finish_reason) for c in found] == [("fo", "length")]
    assert running.completion_for(running.request).text == "foo"
