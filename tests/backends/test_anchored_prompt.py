import pytest

from coder_lsp.backends.document_anchors import DocumentAnchors
from coder_lsp.prompt.build import build_prompt
from coder_lsp.prompt.fim_template import arrange
from coder_lsp.prompt.token_budget import TokenBudget
from tests.support.snapshots import snapshot_of
from tests.support.tokens import text_of

BUDGET = TokenBudget(snippets=0, prefix=300, suffix=100, typed=40)


@pytest.fixture
def shown(tokenizer, folder):
    """Show a prompt as text, with short names for the template's tokens."""
    fim = folder.manifest.fim
    names = {fim.bos: "<BOS>", fim.fim_begin: "<B>", fim.fim_hole: "<H>", fim.fim_end: "<E>"}

    def show(token_ids):
        return "".join(names.get(i) or text_of(tokenizer, [i]) for i in token_ids)

    return show


@pytest.fixture
def keystrokes(encoder, folder, shown):
    """Build prompts as the backend does, one after the other; healed text follows ``~``."""

    def build(*texts, budget=BUDGET):
        anchors, prompts = DocumentAnchors("file:///a.py"), []
        for text in texts:
            place = anchors.choose(snapshot_of(text), encoder, budget)
            prompt = build_prompt(place.anchor, place.typed, encoder, folder.manifest.fim)
            healed = f"~{prompt.healed}" if prompt.healed else ""
            prompts.append(shown(prompt.token_ids) + healed)
        return prompts

    return build


def check_keystrokes(keystrokes, *pairs):
    assert keystrokes(*(text for text, _ in pairs)) == [prompt for _, prompt in pairs]


def test_the_order_is_psm(folder, shown):
    token_ids = arrange(folder.manifest.fim, [100], [200], [300], [400])

    assert [token_ids.index(i) for i in (400, 100, 200, 300)] == sorted(
        token_ids.index(i) for i in (400, 100, 200, 300)
    )
    assert shown(token_ids[:1]) == "<BOS>"


def test_typing_only_appends(keystrokes):
    check_keystrokes(
        keystrokes,
        ("a = 1\n‸\nb = 2\n", "<BOS><B>a = 1\n<H>\nb = 2\n<E>"),
        ("a = 1\nc‸\nb = 2\n", "<BOS><B>a = 1\n<H>\nb = 2\n<E>~c"),
        ("a = 1\nc =‸\nb = 2\n", "<BOS><B>a = 1\n<H>\nb = 2\n<E>c~ ="),
        ("a = 1\nc‸\nb = 2\n", "<BOS><B>a = 1\n<H>\nb = 2\n<E>~c"),
    )


def test_the_anchor_stays_when_a_line_is_finished(keystrokes):
    check_keystrokes(
        keystrokes,
        ("a\nc = 1‸\nb\n", "<BOS><B>a\n<H>\nb\n<E>c = 1"),
        ("a\nc = 1\nd‸\nb\n", "<BOS><B>a\n<H>\nb\n<E>c = 1\n~d"),
    )


def test_closers_that_the_editor_types_are_left_out(keystrokes):
    check_keystrokes(
        keystrokes,
        ("a\nf‸\nb\n", "<BOS><B>a\n<H>\nb\n<E>~f"),
        ("a\nf(‸)\nb\n", "<BOS><B>a\n<H>\nb\n<E>f~("),
        ('a\nf("x‸")\nb\n', '<BOS><B>a\n<H>\nb\n<E>f("~x'),
        ("a\nf(‸);\nb\n", "<BOS><B>a\n<H>\nb\n<E>f~("),
    )


def test_enter_between_braces_moves_the_closer_down(keystrokes):
    check_keystrokes(
        keystrokes,
        ("func f() {‸}\nb\n", "<BOS><B><H>\nb\n<E>func f()~ {"),
        ("func f() {\n\t‸\n}\nb\n", "<BOS><B><H>\nb\n<E>func f() {\n~\t"),
    )


def test_more_than_a_closing_tail_is_suffix(keystrokes):
    check_keystrokes(keystrokes, ("f(‸, y)\n", "<BOS><B><H>, y)\n<E>f~("))


@pytest.mark.parametrize(
    "second",
    [
        "a\nc‸\nB\n",  # the suffix changed
        "a\nc‸\nb\nc\n",  # the document grew at its end
        "A\nc‸\nb\n",  # the prefix changed
        "‸a\nc\nb\n",  # the cursor left for a place above
    ],
)
def test_what_does_not_fit_is_anchored_anew(keystrokes, second):
    alone = keystrokes(second)
    after = keystrokes("a\nc‸\nb\n", second)

    assert after[1:] == alone


def test_typed_text_beyond_its_budget_is_anchored_anew(keystrokes):
    grown = "x\n" * 30

    prompts = keystrokes("‸\nb\n", f"{grown}‸\nb\n")

    assert prompts[1] == f"<BOS><B>{grown}<H>\nb\n<E>"


def test_a_line_longer_than_typed_may_be_is_plain_psm(keystrokes):
    line = "x" + "7" * 60

    assert keystrokes(f"a\n{line}‸\nb\n") == [f"<BOS><B>a\n{line}<H>\nb\n<E>"]


def test_crlf_is_read_as_newlines(keystrokes):
    check_keystrokes(keystrokes, ("a\r\nc‸\r\nb\r\n", "<BOS><B>a\n<H>\nb\n<E>~c"))


def test_window_edges_move_in_large_steps(keystrokes):
    """Of 40 lines typed at the end of a long file, few may move the start of the prefix."""
    head = "".join(f"line{i}\n" for i in range(200))
    texts = [head + "x\n" * n + "‸" for n in range(40)]

    prompts = keystrokes(*texts, budget=TokenBudget(0, 300, 100, 10))

    starts = [prompt[: len("<BOS><B>line123")] for prompt in prompts]
    assert 1 <= len(set(starts)) <= 3


@pytest.fixture
def built(encoder, folder):
    """Build the prompt of one snapshot."""

    def build(text, budget):
        snapshot = snapshot_of(text)
        place = DocumentAnchors(snapshot.uri).choose(snapshot, encoder, budget)
        return build_prompt(place.anchor, place.typed, encoder, folder.manifest.fim)

    return build


@pytest.mark.parametrize(("before", "after"), [(4000, 10), (10, 4000), (4000, 4000), (0, 4000)])
def test_the_prompt_keeps_to_its_budget(built, before, after):
    text = "x = 1\n" * before + "y‸\n" + "z = 2\n" * after

    prompt = built(text, TokenBudget.share(1024, 64))

    assert 1024 * 0.6 < len(prompt.token_ids) <= 1024 - 64


def test_literal_fim_tokens_are_text(built, folder):
    name = "<｜fim▁hole｜>"

    prompt = built(f"# {name}\nx‸\n{name}\n", BUDGET)

    assert prompt.token_ids.count(folder.manifest.fim.fim_hole) == 1
