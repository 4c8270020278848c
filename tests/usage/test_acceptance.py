"""What becomes of completions: told by the client, or read off its edits."""

from dataclasses import asdict

import pytest

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.usage.acceptance import ShownCompletions
from coder_lsp.usage.counts import Counts
from tests.support.cursor import parse_cursor

URI = "file:///a.py"


class Typist:
    """A document that is edited while completions are shown; the cursor follows the edits."""

    def __init__(self, marked, *, is_inferred=True):
        text, self.cursor = parse_cursor(marked)
        self.document = OpenDocument(URI, 1, "python", text)
        self.counts = Counts()
        self.shown = ShownCompletions(self.count)
        self.is_inferred = is_inferred

    def count(self, language, counts):
        assert language == "python"
        self.counts += counts

    def show(self, *texts, replaced=""):
        return self.shown.show(
            URI, "python", self.cursor, texts, is_inferred=self.is_inferred, replaced=replaced
        )

    def change(self, *edits):
        """Make edits in one message; each is (characters removed, text, offset from the cursor)."""
        for num_removed, text, offset in edits:
            start = self.cursor + offset
            self.document.replace(start, start + num_removed, text)
            if offset <= 0:
                self.cursor = start + len(text) if offset + num_removed >= 0 else self.cursor
        self.shown.edit(URI, self.document.take_edits())

    def type_text(self, text):
        self.change((0, text, 0))

    def backspace(self, number=1):
        self.change((number, "", -number))


def check(typist, **expected):
    counted = {name: value for name, value in asdict(typist.counts).items() if value}

    assert counted == {"shown": 1, **expected}


def test_an_insertion_of_the_whole_text_accepts_it():
    typist = Typist("x = ‸\ny")
    typist.show("foo(1)")
    typist.type_text("foo(1)")

    check(typist, accepted=1, accepted_characters=6)


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([(3, "print(1)", -3)], id="the word replaced, as by Visual Studio Code"),
        pytest.param([(3, "", -3), (0, "print(1)", 0)], id="removed, then inserted"),
        pytest.param([(0, "nt(1)", 0)], id="the least edit, as by Neovim"),
    ],
)
def test_a_replaced_word_accepts(edits):
    typist = Typist("pri‸")
    typist.show("nt(1)")
    typist.change(*edits)

    check(typist, accepted=1, accepted_characters=5)


def test_a_whole_document_sent_anew_accepts():
    typist = Typist("# a\npri‸)\n# b")
    typist.show("nt(1")
    typist.document.replace_all("# a\nprint(1)\n# b")
    typist.shown.edit(URI, typist.document.take_edits())

    check(typist, accepted=1, accepted_characters=4)


def test_a_word_and_then_the_rest_is_one_acceptance():
    typist = Typist("x = ‸")
    typist.show("foo(bar)")
    typist.type_text("foo")
    check(typist, partially_accepted=1, accepted_characters=3)
    typist.show("(bar)")
    typist.type_text("(bar)")

    check(typist, accepted=1, accepted_characters=8)


def test_a_part_taken_and_then_another_way_stays_a_part():
    typist = Typist("x = ‸")
    typist.show("foo(bar)")
    typist.type_text("foo")
    typist.type_text("!")

    check(typist, partially_accepted=1, accepted_characters=3)


@pytest.mark.parametrize(
    ("marked", "text", "keys"),
    [
        ("x = ‸", "foo(1)", ["f", "o", "o", "(", "1", ")"]),
        ("x = ‸", "foo(1)", ["f", "o", "o", "()", "1"]),  # the editor closes the bracket
        ("x = ‸", "()", ["()"]),
        ("x = ‸", '""', ['""']),
        ("x = ‸", "a", ["a"]),
        ("def f():‸", "\n    return 1", ["\n    ", "r", "e"]),  # and indents
        ("if (x) {‸}", "\n    return;\n", ["\n    \n", "r"]),
        ("x‸", "    = 1", ["    ", "="]),  # Tab
    ],
)
def test_typing_through_is_no_acceptance(marked, text, keys):
    typist = Typist(marked)
    rest = text
    typist.show(rest)
    for key in keys:
        agreed = len(key) if rest.startswith(key) else 1
        typist.change((0, key, 0))
        typist.cursor -= 0 if rest.startswith(key) else len(key) - 1
        if key == "\n    \n":
            typist.cursor += 4
            agreed = 5
        rest = rest[agreed:]
        if rest:
            typist.show(rest)

    check(typist)


def test_closers_that_come_as_an_edit_of_their_own_do_not_refuse():
    typist = Typist("x = ‸")
    typist.show("(a, b)")
    typist.change((0, "(", 0), (0, ")", 0))
    check(typist)
    typist.cursor -= 1
    typist.type_text("a, b")

    check(typist, partially_accepted=1, accepted_characters=4)


@pytest.mark.parametrize("key", ["g", ")", "fa", "\n"])
def test_another_text_rejects_it_once(key):
    typist = Typist("x = ‸")
    typist.show("foo(1)")
    typist.type_text(key)
    typist.type_text(key)

    check(typist, rejected=1)


def test_deleting_before_the_place_rejects_it():
    typist = Typist("x = ‸")
    typist.show("foo(1)")
    typist.backspace()

    check(typist, rejected=1)


def test_deleting_what_was_typed_of_it_does_not():
    typist = Typist("x = ‸")
    typist.show("foo(1)")
    typist.type_text("f")
    typist.backspace()
    typist.show("foo(1)")
    typist.type_text("foo(1)")

    check(typist, accepted=1, accepted_characters=6)


def test_edits_elsewhere_do_not_disturb():
    typist = Typist("a\nx = ‸\nb")
    typist.show("foo(1)")
    typist.document.replace(0, 1, "import os")
    typist.cursor += 8
    typist.shown.edit(URI, typist.document.take_edits())
    typist.change((1, "long", 1))
    typist.type_text("foo(1)")

    check(typist, accepted=1, accepted_characters=6)


def test_an_answer_while_it_is_typed_through_is_the_same_completion():
    typist = Typist("x = ‸")
    ids = [*typist.show("foo"), *typist.show("foo(1)")]  # more of it has been generated
    typist.type_text("f")
    ids += typist.show("oo(1)")
    assert len(set(ids)) == 3
    typist.shown.accept(ids[-1])
    typist.shown.accept(ids[0])

    check(typist, accepted=1, accepted_characters=5)


def test_another_answer_at_the_same_place_counts_for_itself():
    typist = Typist("x = ‸")
    typist.show("foo(1)")
    typist.show("bar")
    typist.type_text("bar")

    check(typist, shown=2, accepted=1, accepted_characters=3)


def test_going_elsewhere_rejects_it():
    typist = Typist("x = ‸\n\n")
    typist.show("foo(1)")
    typist.cursor += 1
    typist.show("bar")

    check(typist, shown=2, rejected=1)


def test_typed_to_its_end_it_cannot_be_rejected():
    typist = Typist("x = ‸\n\n")
    typist.show("ab")
    typist.type_text("a")
    typist.type_text("b")
    typist.type_text("c")

    check(typist)


def test_what_the_server_takes_back_is_neither():
    typist = Typist("x = ‸")
    typist.show("foo(1)")
    typist.shown.withdraw(URI)
    typist.type_text("g")

    check(typist)


def test_undo_changes_nothing_and_the_same_again_is_not_counted_again():
    typist = Typist("x = ‸")
    typist.show("foo(1)")
    typist.type_text("foo(1)")
    typist.backspace(6)
    typist.show("foo(1)")
    typist.type_text("foo(1)")

    check(typist, accepted=1, accepted_characters=6)


def test_the_command_after_the_edit_counts_once():
    typist = Typist("pri‸")
    (answer_id,) = typist.show("nt(1)")
    typist.change((3, "print(1)", -3))
    for _ in range(2):
        typist.shown.accept(answer_id)

    check(typist, accepted=1, accepted_characters=5)


def test_the_command_corrects_what_looked_like_a_refusal():
    typist = Typist("pri‸")
    (answer_id,) = typist.show("nt(1)")
    typist.backspace(3)
    typist.type_text("print(1)")
    check(typist, rejected=1)
    typist.shown.accept(answer_id)

    check(typist, accepted=1, accepted_characters=5)


@pytest.mark.parametrize("takes", [(3, 4), (3, 7)], ids=["each for itself", "all so far"])
def test_a_client_that_tells_of_parts(takes):
    typist = Typist("x = ‸", is_inferred=False)
    (answer_id,) = typist.show("foo(bar)")
    typist.type_text("foo")
    check(typist)
    typist.shown.accept(answer_id, takes[0])
    check(typist, partially_accepted=1, accepted_characters=3)
    typist.type_text("(bar")
    typist.shown.accept(answer_id, takes[1])
    check(typist, partially_accepted=1, accepted_characters=7)
    typist.type_text(")")
    typist.shown.accept(answer_id, 8)

    check(typist, accepted=1, accepted_characters=8)


def test_alternatives_are_one_completion():
    typist = Typist("x = ‸")
    ids = typist.show("foo(1)", "bar", "foo")
    typist.type_text("bar")
    typist.shown.accept(ids[1])

    check(typist, accepted=1, accepted_characters=3)


def test_unknown_answers_and_documents_do_no_harm():
    typist = Typist("x = ‸")
    typist.shown.accept("7")
    typist.shown.edit("file:///b.py", [])
    typist.shown.withdraw("file:///b.py")

    assert typist.counts == Counts()


def test_a_client_that_goes_back_to_when_it_asked_and_replaces_the_word_accepts():
    """Helix does, when the word was typed on before its entry was taken."""
    typist = Typist("x = fo‸\ny")
    typist.show("o(1)", replaced="fo")
    typist.type_text("o")
    typist.change((2, "", -2))
    typist.change((1, "foo(1)", -1))

    check(typist, accepted=1, accepted_characters=4)


def test_what_is_typed_back_in_a_replaced_word_refuses_nothing_until_it_goes_another_way():
    typist = Typist("x = foo‸\ny")
    typist.show("bar", replaced="foo")
    typist.backspace()
    check(typist)
    typist.type_text("x")

    check(typist, rejected=1)
