import pytest

from coder_lsp.engine.decoding.drafter import Drafter, in_reading_order
from coder_lsp.engine.decoding.lookup import MAX_MATCH, SEPARATOR
from coder_lsp.models.model_folder import FimTemplate

BOS, EOS, BEGIN, HOLE, END = range(5)
FIM = FimTemplate("psm", BOS, EOS, BEGIN, HOLE, END, "before_fim_begin")
END_IDS = (BOS, EOS, BEGIN, HOLE, END)
NEWLINE = 5


def drafter(mode="on"):
    return Drafter(FIM, END_IDS, [NEWLINE], mode)


def add(drafts, *token_ids):
    for token_id in token_ids:
        drafts.add(token_id)


def fim(prefix, suffix, typed=()):
    return [BOS, BEGIN, *prefix, HOLE, *suffix, END, *typed]


def check_proposed(prompt, generated, expected, max_length=3, drafter=drafter):
    drafts = (drafter() if callable(drafter) else drafter).begin(prompt)
    add(drafts, *generated)

    assert list(drafts.propose(max_length)) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (fim([10, 11], [20, 21], [30]), [20, 21, SEPARATOR, BOS, BEGIN, 10, 11, 30]),
        (fim([], []), [SEPARATOR, BOS, BEGIN]),
        ([BOS, 10, 11], [BOS, 10, 11]),
        ([BOS, HOLE, 11], [BOS, HOLE, 11]),
    ],
)
def test_the_middle_is_read_after_the_prefix(prompt, expected):
    assert in_reading_order(prompt, FIM) == expected


def test_what_followed_in_the_prefix():
    check_proposed(fim([10, 11, 12, 13, 14, 15], []), [10, 11], [12, 13, 14])


def test_what_followed_in_the_suffix():
    check_proposed(fim([30], [10, 11, 12, 13, 14, 15]), [10, 11], [12, 13, 14])


def test_the_suffix_does_not_run_into_the_prefix():
    check_proposed(fim([30], [10, 11, 12]), [10, 11], [12])


def test_the_prefix_and_what_was_typed_are_one_text():
    check_proposed(fim([10, 11, 12, 13, 50, 10], [60], [11]), [12], [13, 50, 10])


def test_what_was_generated_before():
    check_proposed([BOS], [10, 11, 12, 13, 10, 11], [12, 13, 10])


def test_nothing_where_nothing_is_wanted():
    check_proposed(fim([10, 11, 12], []), [10, 11], [], max_length=0)


def test_nothing_when_it_is_off():
    check_proposed(fim([10, 11, 12], []), [10, 11], [], drafter=lambda: drafter("off"))


def test_nothing_when_nothing_matches():
    check_proposed(fim([10, 11, 12], []), [20, 21], [])


def complete(drafter, prompt, generated):
    """One generation from start to end, token by token."""
    drafts = drafter.begin(prompt)
    for token_id in generated:
        drafts.add(token_id)
        drafts.propose(5)


def test_earlier_completions_are_remembered_with_what_stood_before_them():
    memory = drafter()
    complete(memory, fim([10, 11], []), [12, 13, 14])

    check_proposed(fim([40, 10, 11], []), [12], [13, 14], drafter=memory)


def test_only_completions_are_remembered_and_a_little_before_them():
    memory = drafter()
    complete(memory, fim(range(100, 200), []), [12, 13, 14])
    complete(memory, fim(range(200, 300), []), [15, 16])
    complete(memory, fim(range(300, 400), []), [17])

    assert len(memory._memory) == (MAX_MATCH + 3 + 1) + (MAX_MATCH + 2 + 1)


def test_a_longer_match_in_an_earlier_completion_wins():
    memory = drafter()
    complete(memory, fim([10, 11], []), [12, 13])

    check_proposed(fim([11, 12, 99, 10, 11], []), [12], [13], drafter=memory)


def test_a_generation_that_went_on_while_another_began_gets_no_more_drafts():
    one = drafter()
    first, second = one.begin(fim([10, 11, 12], [])), one.begin(fim([10, 11, 13], []))
    add(first, 10, 11)
    assert first.propose(1) == [12]

    add(second, 10, 11)
    assert second.propose(1) == [13]

    first.add(12)
    assert list(first.propose(1)) == []
    second.add(13)
    assert second.propose(1) == [10]


def test_a_keystroke_reads_only_what_it_adds(monkeypatch):
    one = drafter()
    prefix = list(range(100, 2000))
    complete(one, fim(prefix, [50, 51], [60]), [70, 71])
    read = []
    append = one._text.append
    monkeypatch.setattr(one._text, "append", lambda ids: read.extend(ids) or append(ids))
    complete(one, fim(prefix, [50, 51], [60, 61]), [62])

    assert read == [61, 62]


def test_what_was_found_is_compared_token_by_token_verified_or_not(monkeypatch):
    one, outcomes = drafter(), []
    monkeypatch.setattr(
        one._policy,
        "record_outcome",
        lambda source, num_matching, is_accepted: outcomes.append((num_matching, is_accepted)),
    )
    drafts = one.begin(fim([10, 11, 12, 13, 14], []))
    add(drafts, 10, 11)
    drafts.propose(1)
    add(drafts, 12, 13, 99, 15)

    assert outcomes == [(2, True), (3, True), (4, False)]


def test_drafts_that_cost_more_than_they_save_are_given_up():
    one = drafter("auto")
    drafts = one.begin(fim([10, 11, 12, 13] * 4, []))
    for _ in range(5):
        drafts.record_pass(1, 0.01)
        for width in range(2, 17):
            drafts.record_pass(width, 0.01 * width)
    add(drafts, 10, 11)

    assert list(drafts.propose(5)) == []


def drafter_that_saw(line, num_wanted):
    """A drafter in whose completions of ``line`` the consumer took so many tokens each time."""
    one = drafter("auto")
    for _ in range(60):
        drafts = one.begin(fim(line, []))
        for token_id in line[:num_wanted]:
            drafts.record_pass(1, 0.01)
            drafts.add(token_id)
            drafts.propose(5)
    return one


def test_what_comes_after_a_line_is_not_drafted_where_completions_end_with_it():
    line = [10, 11, 12, NEWLINE, 13, 14, 15, 16]
    drafts = drafter_that_saw(line, 4).begin(fim(line, []))
    add(drafts, 10, 11)

    assert list(drafts.propose(10)) == [12]


def test_what_comes_after_a_line_is_drafted_where_completions_go_on():
    line = [10, 11, 12, NEWLINE, 13, 14, 15, 16]
    drafts = drafter_that_saw(line, 8).begin(fim(line, []))
    add(drafts, 10, 11)

    assert list(drafts.propose(10))[:5] == [12, NEWLINE, 13, 14, 15]
