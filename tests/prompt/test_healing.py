import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.prompt.healing import MAX_HEALED, healing_start


def check_healing(typed, taken_back):
    assert typed[healing_start(typed) :] == taken_back


@pytest.mark.parametrize(
    ("typed", "taken_back"),
    [
        ("", ""),
        ("retur", "retur"),
        ("    retur", " retur"),
        ("\tretur", "\tretur"),
        ("x = ", " "),
        ("x =", " ="),
        ("        ", "        "),
        ("x\n    ", "    "),
        ("x\n", ""),
        ("x\r\n", ""),
        ("f(", "("),
        ("f()", "()"),
        ("item_", "_"),
        ("item_na", "na"),
        ("x1", ""),
        ("x = 1", ""),
        ("größe", "größe"),
        ("日本", "日本"),
        ("a.b", "b"),
        ("// -", " -"),
        ("👍", "👍"),
    ],
)
def test_the_unfinished_end_is_taken_back(typed, taken_back):
    check_healing(typed, taken_back)


def test_a_long_end_stays(tokenizer):
    assert healing_start("x" * (MAX_HEALED + 1)) == MAX_HEALED + 1
    assert healing_start("x" * MAX_HEALED) == 0
    assert healing_start("-" * 10_000) == 10_000


@given(typed=st.text(alphabet=st.sampled_from(list("ab_1 \t\n.(=é日👍")), max_size=40))
def test_what_stays_keeps_its_tokens(tokenizer, typed):
    kept = tokenizer.encode(typed[: healing_start(typed)])

    assert tokenizer.encode(typed)[: len(kept)] == kept
