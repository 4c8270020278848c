"""What else is offered: likely ways that part from the first within what is shown, no two alike."""

import pytest

from coder_lsp.backends.local import LocalBackend
from coder_lsp.backends.scripted import ScriptedAnswer, ScriptedBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.alternatives import Alternatives
from coder_lsp.completion.generation import complete
from coder_lsp.generation import GenerationOptions
from coder_lsp.request import Request
from coder_lsp.settings import Settings
from tests.support.snapshots import snapshot_of

FILE = """class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        ‸
"""

READ = "import json\nimport os\n\n\ndef read(path):\n    with op‸\n"


def request_of(marked, num_branches=2):
    options = GenerationOptions(max_new_tokens=24, num_branches=num_branches)
    return Request(snapshot_of(marked), options)


def find(backend, request, *, has_branches=True):
    """Return the first completion and its alternatives."""
    first = complete(request, backend, CancellationToken())
    branches = first.branches if has_branches else ()
    alternatives = Alternatives(request, first.text, branches, CancellationToken())
    alternatives.run(backend)
    return first.text, alternatives.other_than(first.text)


def scripted(completion, *alternatives, **fields):
    answer = ScriptedAnswer(completion, alternatives=alternatives, **fields)
    return ScriptedBackend((), answer)


@pytest.mark.parametrize("has_branches", [True, False])
@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        (("b", "c"), ("b", "c")),
        (("b", "c", "d"), ("b", "c")),
        (("a ", "b"), ("b",)),  # the same but for blanks
        (("", "   ", "b"), ("b",)),  # refused by a rule
        ((), ()),
    ],
)
def test_what_is_new_is_offered(alternatives, expected, *, has_branches):
    backend = scripted("a", *alternatives)
    found = find(backend, request_of("x = ‸", num_branches=3), has_branches=has_branches)

    assert found[0] == "a"
    assert found[1][:2] == expected


def test_a_cancelled_search_ends():
    request = request_of("x = ‸")
    cancelled = CancellationToken()
    cancelled.cancel()
    alternatives = Alternatives(request, "a", (), cancelled)
    alternatives.run(scripted("a", "b", prefill_ms=600_000))

    assert alternatives.other_than("a") == ()


def test_where_the_first_is_another_by_now_none_repeats_it():
    request = request_of("x = ‸")
    alternatives = Alternatives(request, "a", (), CancellationToken())
    alternatives.run(scripted("a", "b", "c"))

    assert alternatives.other_than("c") == ("a", "b")


@pytest.fixture(scope="module")
def backend():
    return LocalBackend.load(Settings(threads=2, disk_cache=False, time_budget_ms=60_000))


@pytest.mark.parametrize("marked", [FILE, FILE.replace("‸", "ret‸"), READ])
def test_a_models_alternatives_are_different(backend, marked):
    first, others = find(backend, request_of(marked))

    assert len(others) == 2
    assert len({first, *others}) == 3
    assert all(text.strip() for text in others)


def test_alternatives_cost_few_prompt_tokens(backend):
    request = request_of(FILE)
    first = complete(request, backend, CancellationToken())
    for branch in first.branches[:4]:
        again = complete(
            Request(request.snapshot, request.options, branch=branch),
            backend,
            CancellationToken(),
        )

        assert again.usage.num_new_tokens <= 1
        assert again.raw[: branch.offset] == first.raw[: branch.offset]
        assert again.raw != first.raw
