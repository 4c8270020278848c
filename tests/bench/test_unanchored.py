import pytest

from bench.unanchored import UnanchoredBackend, arrange_suffix_first, unanchored_prompt
from coder_lsp.cancellation import CancellationToken
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import FimTemplate, ModelFolder
from coder_lsp.prompt.anchor import place_anchor
from coder_lsp.prompt.build import build_prompt
from coder_lsp.prompt.token_budget import TokenBudget
from coder_lsp.request import Request
from tests.support.cursor import parse_cursor

TEMPLATE = FimTemplate(
    order="psm", bos=0, eos=1, fim_hole=2, fim_begin=3, fim_end=4, snippets="before_fim_begin"
)


def test_the_suffix_comes_first():
    assert arrange_suffix_first(TEMPLATE, [10, 11], [20]) == [0, 2, 20, 3, 10, 11, 4]
    assert arrange_suffix_first(TEMPLATE, [], []) == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("order", "prefix", "is_healing", "whole", "healed"),
    [
        ("psm", "x = 1\nret", False, "x = 1\nret", ""),
        ("psm", "x = 1\nret", True, "x = 1\n", "ret"),
        ("spm", "x = 1\nret", False, "x = 1\nret", ""),
        ("spm", "x = 1\n    ret", True, "x = 1\n   ", " ret"),
        ("spm", "x = 1\n", True, "x = 1\n", ""),
    ],
)
def test_the_prefix_reaches_to_the_cursor(encoder, order, prefix, is_healing, whole, healed):
    prompt = unanchored_prompt(order, prefix, [99], encoder, TEMPLATE, is_healing=is_healing)
    prefix_ids = encoder.encode(whole)

    assert prompt.healed == healed
    assert list(prompt.token_ids) == (
        [0, 3, *prefix_ids, 2, 99, 4] if order == "psm" else [0, 2, 99, 3, *prefix_ids, 4]
    )


def test_at_the_start_of_a_line_psm_is_the_anchored_prompt(encoder):
    text, offset = parse_cursor("def f():\n‸\n    return x\n")
    snapshot = DocumentSnapshot("file:///a.py", 1, "python", text, offset)
    anchor = place_anchor(snapshot, encoder, TokenBudget.share(256, 32), None)

    assert build_prompt(anchor, "", encoder, TEMPLATE) == unanchored_prompt(
        "psm", text[:offset], anchor.suffix_ids, encoder, TEMPLATE, is_healing=True
    )


@pytest.mark.parametrize("order", ["psm", "spm"])
def test_what_was_typed_is_not_generated_again(tiny_folder, order):
    text, offset = parse_cursor("x = 1\nret‸\ny = 2\n")
    snapshot = DocumentSnapshot("file:///a.py", 1, "python", text, offset)
    backend = UnanchoredBackend(ModelFolder.read(tiny_folder), 256, order)
    request = Request(snapshot, GenerationOptions(max_new_tokens=8))
    first, second = (list(backend.stream(request, CancellationToken())) for _ in range(2))
    backend.forget(snapshot.uri)
    backend.close()

    assert first[-1].finish_reason is not None
    assert [chunk.text for chunk in first] == [chunk.text for chunk in second]
    assert first[-1].usage.num_generated_tokens <= 8
