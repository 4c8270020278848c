"""What a frozen document tells about the text around an offset."""

from hypothesis import given
from hypothesis import strategies as st

from coder_lsp.documents.document import before_closers

CLOSERS = ")]}>\"'`;,: \n"


@given(st.text(alphabet=CLOSERS + "ab(", max_size=60), st.integers(0, 60))
def test_closers_are_found_a_little_back(text, end):
    end = min(end, len(text))
    expected = end
    while expected > max(0, end - 16) and text[expected - 1] in CLOSERS:
        expected -= 1

    assert before_closers(text, end) == expected
