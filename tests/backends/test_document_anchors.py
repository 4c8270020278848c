"""Which anchor a keystroke finds, and when a fresher one is worth preparing."""

import pytest

from coder_lsp.backends.document_anchors import MAX_ANCHORS, DocumentAnchors
from coder_lsp.prompt.token_budget import TokenBudget
from tests.support.snapshots import snapshot_of

BUDGET = TokenBudget(snippets=0, prefix=400, suffix=300, typed=40)
ABOVE = "".join(f"above_{i} = {i}\n" for i in range(20))
BELOW = "".join(f"below_{i} = {i}\n" for i in range(40))


@pytest.fixture
def anchors():
    return DocumentAnchors("file:///a.py")


@pytest.fixture
def places(anchors, encoder):
    """Choose a place for each text, one after the other."""

    def choose(*texts):
        return [anchors.choose(snapshot_of(text), encoder, BUDGET) for text in texts]

    return choose


@pytest.fixture
def standby(anchors, encoder):
    return lambda text: anchors.standby(snapshot_of(text), encoder, BUDGET)


def check_same_place(places, *texts):
    first, *others = places(*texts)

    assert {place.sequence_id for place in others} == {first.sequence_id}
    assert all(place.anchor is first.anchor for place in others)


def check_other_place(places, *texts):
    *_, before, last = places(*texts)

    assert last.anchor != before.anchor
    return before, last


def test_typing_pasting_and_undoing_stay_in_place(places):
    check_same_place(
        places,
        f"{ABOVE}‸\n{BELOW}",
        f"{ABOVE}x‸\n{BELOW}",
        f"{ABOVE}x = [\n    1,\n    2,‸\n]\n{BELOW}",
        f"{ABOVE}x = ‸\n{BELOW}",
        f"{ABOVE}‸\n{BELOW}",
    )


def test_an_edit_far_below_leaves_the_anchor(places):
    check_same_place(
        places,
        f"{ABOVE}x‸\n{BELOW}",
        f"{ABOVE}xy‸\n{BELOW.replace('below_35', 'changed')}",
        f"{ABOVE}xyz‸\n{BELOW}appended\n",
    )


def test_an_edit_just_below_does_not(places):
    check_other_place(
        places, f"{ABOVE}x‸\n{BELOW}", f"{ABOVE}x‸\n{BELOW.replace('below_0', 'changed')}"
    )


def test_an_edit_above_the_window_leaves_the_anchor(places):
    head = "".join(f"head_{i} = {i}\n" for i in range(200))

    check_same_place(
        places,
        f"{head}{ABOVE}x‸\n{BELOW}",
        f"import os\n{head}{ABOVE}xy‸\n{BELOW}",
        f"{head[200:]}{ABOVE}xy‸\n{BELOW}",
    )


def test_an_edit_at_the_start_of_a_small_document_is_seen(places):
    _, last = check_other_place(places, f"{ABOVE}x‸\n{BELOW}", f"import os\n{ABOVE}x‸\n{BELOW}")

    assert last.anchor.prefix.startswith("import os")


def test_stepping_over_closers_stays_in_place(places):
    check_same_place(
        places,
        f"{ABOVE}f(g(‸))\n{BELOW}",
        f"{ABOVE}f(g()‸)\n{BELOW}",
        f"{ABOVE}f(g())‸\n{BELOW}",
        f"{ABOVE}f(g())\n}}‸\n{BELOW}",
    )


def test_a_closer_of_the_suffix_that_is_typed_over_is_put_right_in_idle_time(places, standby):
    check_same_place(places, f"{ABOVE}f(\n‸\n)\n{BELOW}", f"{ABOVE}f(\n\n)‸\n{BELOW}")

    renewed = standby(f"{ABOVE}f(\n\n)‸\n{BELOW}")
    assert renewed is not None
    assert renewed.anchor.suffix == f"\n{BELOW}"


def test_two_places_are_both_found_again(places):
    upper = f"{ABOVE}‸\n{BELOW}"
    lower = f"{ABOVE}\n{BELOW}‸"

    first, second, third, fourth = places(upper, lower, upper, lower)

    assert first.sequence_id != second.sequence_id
    assert (third.sequence_id, fourth.sequence_id) == (first.sequence_id, second.sequence_id)


def test_a_place_that_cannot_fit_again_gives_its_sequence_to_the_next(places):
    before, last = check_other_place(places, f"{ABOVE}x‸\n{BELOW}", f"new\n{ABOVE}x‸\n{BELOW}")

    assert last.sequence_id == before.sequence_id


def test_places_are_bounded(places, anchors):
    lines = BELOW.splitlines(keepends=True)
    texts = ["".join([*lines[:n], "‸", *lines[n:]]) for n in range(0, 30, 3)]

    names = {place.sequence_id for place in places(*texts)}

    assert names <= set(anchors.sequence_ids)
    assert len(anchors.sequence_ids) == MAX_ANCHORS + 1


def test_nothing_is_worth_preparing_after_a_few_characters(places, standby):
    text = f"{ABOVE}x = 1‸\n{BELOW}"
    places(text)

    assert standby(text) is None


def test_a_long_typed_text_is_anchored_anew_in_time(places, standby):
    typed = "".join(f"x{i} = {i}\n" for i in range(5))
    (place, _) = places(f"{ABOVE}‸\n{BELOW}", f"{ABOVE}{typed}‸\n{BELOW}")

    renewed = standby(f"{ABOVE}{typed}‸\n{BELOW}")

    assert renewed is not None
    assert renewed.sequence_id != place.sequence_id
    assert renewed.anchor.prefix.endswith(typed)


def test_a_stale_suffix_is_renewed(places, standby, anchors, encoder):
    places(f"{ABOVE}x‸\n{BELOW}")
    text = f"{ABOVE}x‸\n{BELOW.replace('below_35', 'changed')}"

    renewed = standby(text)
    assert renewed is not None
    anchors.keep(renewed)

    assert "changed" in renewed.anchor.suffix
    assert anchors.choose(snapshot_of(text), encoder, BUDGET) == renewed
    assert standby(text) is None


def test_a_closer_that_moved_down_is_put_where_it_belongs(places, standby):
    places("func f() {‸}\n" + BELOW)

    renewed = standby("func f() {\n\t‸\n}\n" + BELOW)

    assert renewed is not None
    assert renewed.anchor.suffix.startswith("\n}\n")


SMALL = TokenBudget(snippets=0, prefix=30, suffix=10, typed=20)


def test_a_narrow_window_serves_until_the_whole_one_is_ready(anchors, encoder, places, standby):
    text = f"{ABOVE}x‸\n{BELOW}"
    (place,) = places(text)
    narrow = anchors.narrow(place, snapshot_of(text), encoder, SMALL)

    assert len(narrow.anchor.prefix_ids) + len(narrow.anchor.suffix_ids) <= 40
    assert places(text) == [narrow]
    whole = standby(text)
    assert whole is not None
    assert whole.anchor == place.anchor

    anchors.keep(whole)
    assert places(text, f"{ABOVE}xy‸\n{BELOW}")[1].anchor == place.anchor
    assert standby(text) is None


@pytest.mark.parametrize("context_tokens", [2048, 1024, 512])
@pytest.mark.parametrize("max_new_tokens", [64, 256, 512, 1024])
def test_an_anchor_that_is_larger_than_the_present_budget_makes_way(
    anchors, encoder, context_tokens, max_new_tokens
):
    body = "    value = compute(alpha, beta, gamma)\n"
    snapshot = snapshot_of(f"{body * 300}    ‸\n{body * 100}")
    anchors.choose(snapshot, encoder, TokenBudget.share(2048, 64))
    budget = TokenBudget.share(context_tokens, min(max_new_tokens, context_tokens // 2))

    found = anchors.choose(snapshot, encoder, budget)
    assert found.anchor.num_tokens <= budget.prefix + budget.suffix
    again = anchors.choose(snapshot, encoder, budget)
    assert again.anchor is found.anchor
