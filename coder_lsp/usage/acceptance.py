"""What became of the completions that were shown: taken, taken in part, or refused.

A client tells by command, or it does not: then it shows in the edits. One edit that puts a
beginning of the shown text at its place, longer than a key could, took it; what is typed by hand
through the completion did not.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from coder_lsp.documents.document import is_closing_tail
from coder_lsp.documents.edit import Edit, num_common
from coder_lsp.usage.counts import Counts

_NUM_REMEMBERED = 256
_OPENERS = frozenset("([{<\"'`")

Fate = Literal["open", "rejected", "typed", "partial", "accepted"]
"""What is known of a completion, the later the better; ``typed`` is by hand to its end."""

_COUNTED: dict[Fate, Counts] = {
    "open": Counts(),
    "rejected": Counts(rejected=1),
    "typed": Counts(),
    "partial": Counts(partially_accepted=1),
    "accepted": Counts(accepted=1),
}


class ShownCompletions:
    """At most one completion for each document is on show, with its alternatives.

    ``count`` is given a language and what to add to its counts. An answer that goes on with what
    was shown before, when a part of it was typed, is that same completion.
    """

    def __init__(self, count: Callable[[str, Counts], None]) -> None:
        self._count = count
        self._on_show: dict[str, _Shown] = {}
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._num_answers = 0

    def show(
        self,
        uri: str,
        language: str,
        offset: int,
        texts: Sequence[str],
        *,
        is_inferred: bool,
        replaced: str = "",
    ) -> tuple[str, ...]:
        """Note that texts, alternatives to each other, are shown at an offset; return their ids.

        ``replaced`` is what stands before the offset and belongs to what the client puts in.
        ``is_inferred``: whether edits tell of acceptance, because the client does not always.
        """
        before = self._on_show.get(uri)
        if before is not None and before.goes_on_with(offset, texts[0]):
            shown = before
            shown.texts = [shown.texts[0][: shown.num_typed] + text for text in texts]
        else:
            if before is not None and offset != before.cursor:
                self._settle(before, "rejected")  # the user has gone elsewhere
            whole = [replaced + text for text in texts]
            num_typed = len(replaced)
            shown = _Shown(language, offset - num_typed, whole, is_inferred, num_typed, num_typed)
            self._on_show[uri] = shown
            self._count(language, Counts(shown=1))
        return tuple(self._remember(shown, text) for text in texts)

    def withdraw(self, uri: str) -> None:
        """Note that nothing is shown any more, without the user's doing."""
        self._on_show.pop(uri, None)

    def edit(self, uri: str, edits: Iterable[Edit]) -> None:
        """Note what was changed in a document, in one message from the client."""
        shown = self._on_show.get(uri)
        if shown is None:
            return
        for number, edit in enumerate(_joined(edits)):
            taken = shown.follow(edit.minimal(), is_first=number == 0)
            if not shown.texts:
                self._settle(shown, "rejected")
                del self._on_show[uri]
                return
            self._note(shown, taken)

    def accept(self, answer_id: str, num_characters: int | None = None) -> None:
        """Note what the client tells of an answer: taken, or so many characters of it."""
        answer = self._answers.get(answer_id)
        if answer is None:
            return
        shown, start = answer.shown, answer.start
        if num_characters is None or start + num_characters >= len(answer.text):
            self._credit(shown, start, len(answer.text), "accepted")
        elif num_characters > 0:
            # The edit has come before the command: it ends where the cursor is now.
            end = shown.num_typed if shown.num_typed > start else start + num_characters
            self._credit(shown, max(end - num_characters, 0), end, "partial")

    def _note(self, shown: "_Shown", taken: tuple[int, int] | None) -> None:
        is_whole = any(len(text) <= shown.num_typed for text in shown.texts)
        if taken is not None and shown.is_inferred:
            self._credit(shown, *taken, "accepted" if is_whole else "partial")
        elif is_whole:
            self._settle(shown, "typed")

    def _credit(self, shown: "_Shown", start: int, end: int, fate: Fate) -> None:
        """Count characters once, whoever tells of them, and a fate that is better than before."""
        new = max(0, end - max(start, shown.num_taken))
        shown.num_taken = max(shown.num_taken, end)
        if new:
            self._count(shown.language, Counts(accepted_characters=new))
        self._settle(shown, fate)

    def _settle(self, shown: "_Shown", fate: Fate) -> None:
        order = list(_COUNTED)
        if order.index(fate) > order.index(shown.fate):
            self._count(shown.language, _COUNTED[fate] - _COUNTED[shown.fate])
            shown.fate = fate

    def _remember(self, shown: "_Shown", text: str) -> str:
        self._num_answers += 1
        answer_id = str(self._num_answers)
        whole = shown.texts[0][: shown.num_typed] + text
        self._answers[answer_id] = _Answer(shown, shown.num_typed, whole)
        if len(self._answers) > _NUM_REMEMBERED:
            self._answers.popitem(last=False)
        return answer_id


@dataclass(slots=True)
class _Shown:
    """``texts`` are whole, those that agree with what was typed; ``num_typed`` of each stands."""

    language: str
    offset: int
    texts: list[str]
    is_inferred: bool
    num_typed: int = 0
    num_taken: int = 0
    fate: Fate = "open"

    @property
    def cursor(self) -> int:
        """Where the next character of the text belongs."""
        return self.offset + self.num_typed

    def goes_on_with(self, offset: int, text: str) -> bool:
        """Whether a text at an offset says more or less of what this one says there."""
        if offset != self.cursor:
            return False
        rests = [rest for whole in self.texts if (rest := whole[self.num_typed :])]
        return any(rest.startswith(text) or text.startswith(rest) for rest in rests)

    def follow(self, edit: Edit, *, is_first: bool) -> tuple[int, int] | None:
        """Follow an edit; return which part of the text it took at once, None where it did not.

        No text is left where the edit went another way. ``is_first`` of its message: what comes
        after may be closers that the editor adds.
        """
        if edit.end < self.offset:
            self.offset += len(edit.text) - len(edit.removed)
        elif not self._is_behind(edit):
            if not self._continues(edit):
                self.texts = []
                return None
            self.num_typed = edit.start - self.offset
            return self._insert(edit.text, is_first=is_first)
        return None

    def _is_behind(self, edit: Edit) -> bool:
        return edit.start > self.cursor or (edit.start == self.cursor and not edit.text)

    def _continues(self, edit: Edit) -> bool:
        """Whether an edit ends at the cursor, closers behind it left aside, and not before."""
        beyond = edit.removed[self.cursor - edit.start :]
        return self.offset <= edit.start and edit.end >= self.cursor and is_closing_tail(beyond)

    def _insert(self, text: str, *, is_first: bool) -> tuple[int, int] | None:
        start = self.num_typed
        agreeing = [whole for whole in self.texts if _agree(text, whole[start:])]
        if agreeing:
            self.texts = agreeing
            self.num_typed = min(start + len(text), max(map(len, agreeing)))
            return (start, self.num_typed) if _is_more_than_a_key(text) else None
        if not is_first and is_closing_tail(text):
            return None
        lengths = {whole: _num_typed_before_closers(text, whole[start:]) for whole in self.texts}
        longest = max(lengths.values())
        self.texts = [whole for whole in self.texts if longest and lengths[whole] == longest]
        self.num_typed += longest
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer showed ``text`` from ``start`` on; what stands before was typed already."""

    shown: _Shown
    start: int
    text: str


def _joined(edits: Iterable[Edit]) -> list[Edit]:
    """Make one edit of a deletion and an insertion in its place, as some clients replace."""
    joined: list[Edit] = []
    for edit in edits:
        last = joined[-1] if joined else None
        is_second = last is not None and not last.text and not edit.removed
        if last is not None and is_second and last.start == edit.start:
            joined[-1] = Edit(last.start, last.removed, edit.text)
        else:
            joined.append(edit)
    return joined


def _agree(text: str, rest: str) -> bool:
    return rest.startswith(text) or (rest != "" and text.startswith(rest))


def _num_typed_before_closers(text: str, rest: str) -> int:
    """Return how much of ``rest`` was typed where the editor has put closers behind it, else 0."""
    length = num_common(text, rest)
    return length if is_closing_tail(text[length:]) else 0


def _is_more_than_a_key(text: str) -> bool:
    """Whether no single key puts this in: a character, a line end with its indent, a pair."""
    content = text.strip()
    is_pair = content[:1] in _OPENERS and is_closing_tail(content[1:])
    return len(content) > 1 and not is_pair
