"""What ``bench decode`` computes; what it measures is not tested here."""

import pytest

from bench.lookup.decoder import Continuation, Decoder, Seconds
from bench.lookup.edits import KINDS, Place, places
from bench.lookup.equality import Equality, measure_equality
from bench.lookup.speed import Run, compute_speed_up, summarise
from coder_lsp.engine.decoding.drafter import Drafter, NoDrafts
from coder_lsp.models.model_folder import FimTemplate, ModelFolder
from testing.tiny_model import write_tiny_model
from tests.support.tokens import text_of

FIM = FimTemplate("psm", 0, 1, 2, 3, 4, "before_fim_begin")
FREE = {1: 1.0, 16: 1.0}
LINEAR = {1: 1.0, 16: 16.0}


def run_of(prompt_ids, token_ids, widths=None):
    plain = Continuation(tuple(token_ids), (0.0,) * len(token_ids), Seconds(2.0, 6.0), ())
    widths = widths or (1,) * (len(token_ids) - 1)
    drafted = Continuation(plain.token_ids, plain.logprobs, Seconds(1.0, 2.0), tuple(widths))
    return Run(Place("table", tuple(prompt_ids)), plain, drafted)


def check_computed(prompt_ids, token_ids, costs, expected):
    drafter = Drafter(FIM, (0, 1, 2, 3, 4), (), "on")
    found = compute_speed_up(costs, [run_of(prompt_ids, token_ids)], drafter)

    assert found == {"median": expected, "overall": expected}


def test_a_repeated_text_takes_one_pass_for_sixteen_tokens():
    text = list(range(10, 28))

    # The first two tokens are needed to find the place: one pass for the second, one for the rest.
    check_computed(text, text, FREE, 17 / 2)


def test_a_draft_counts_up_to_its_first_wrong_token():
    check_computed(range(10, 28), [10, 11, 12, 13, 14, 60, 61, 62], FREE, 7 / 4)


def test_a_width_that_was_not_measured_costs_what_lies_between():
    check_computed([10, 11, 12, FIM.eos], [10, 11, 12], {1: 1.0, 3: 2.0}, 2 / 2.5)


def test_new_text_takes_a_pass_for_each_token():
    check_computed(range(10, 28), range(40, 58), FREE, 1.0)


def test_wide_passes_that_cost_as_much_as_their_tokens_save_nothing():
    text = list(range(10, 28))

    check_computed(text, text, LINEAR, 1.0)


def test_a_line_of_the_table():
    line = summarise("table", "limit", [run_of([1], range(10, 20), widths=(4, 4, 4))])

    assert line == {
        "kind": "table",
        "until": "limit",
        "n": 1,
        "tokens": 9,
        "speed_up": {"median": 2.0, "overall": 2.0},
        "cpu_speed_up": {"median": 3.0, "overall": 3.0},
        "tokens_per_pass": 3.0,
        "drafted_tokens": 9,
        "accepted_share": 0.667,
        "same_output": 1,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_machine_has_places_of_every_kind(kind, tokenizer, folder):
    fim = folder.manifest.fim
    found = list(places(kind, 10, tokenizer, fim))

    assert len(found) == 10
    assert len({place.prompt_ids for place in found}) == 10
    assert all(fim.fim_end in place.prompt_ids for place in found)
    assert all(len(place.prompt_ids) < 700 for place in found)


def test_typing_asks_again_after_each_character(tokenizer, folder):
    first, second = places("typing", 2, tokenizer, folder.manifest.fim)
    end = first.prompt_ids.index(folder.manifest.fim.fim_end)

    assert first.prompt_ids[: end + 1] == second.prompt_ids[: end + 1]
    typed = [text_of(tokenizer, place.prompt_ids[end + 1 :]) for place in (first, second)]
    assert typed[1].startswith(typed[0])
    assert len(typed[1]) == len(typed[0]) + 1


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return Decoder(ModelFolder.read(write_tiny_model(tmp_path_factory.mktemp("tiny"))), 1024)


def test_the_tiny_model_writes_the_same_with_drafts(decoder):
    equality = measure_equality(decoder, 3)

    assert equality.prompts == 3
    assert equality.accepted_tokens > 0
    assert equality.mismatches == 0
    assert equality.tokens > 0


def test_a_near_tie_ends_the_comparison_and_too_many_end_the_claim():
    assert Equality("fp32", tokens=1000, near_ties=4).is_equal
    assert not Equality("fp32", tokens=1000, near_ties=5).is_equal
    assert not Equality("fp32", tokens=1000, mismatches=1).is_equal


def test_plain_decoding_and_the_plainest_agree(decoder):
    prompt = [0, 40, 41, 42]
    expected, leads = decoder.continue_plainly(prompt, 8)
    found = decoder.continue_prompt(prompt, NoDrafts(), 8)

    assert min(leads) > 0
    assert found.token_ids == expected.token_ids
    assert found.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
    assert found.widths == (1,) * 7


def test_a_line_ends_with_its_newline(folder, tokenizer):
    mini = Decoder(folder, 1024)
    (newline,) = tokenizer.encode("\n")
    for place in places("new code", 10, tokenizer, folder.manifest.fim):
        whole = mini.continue_prompt(place.prompt_ids, NoDrafts(), 48).token_ids
        if newline in whole[1:-1]:
            break
    found = mini.continue_prompt(place.prompt_ids, NoDrafts(), 48, until="line end").token_ids

    assert newline in whole[1:-1]
    assert found == whole[: whole.index(newline) + 1]
