"""Whole sessions: what a typist does one after another, in which files."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import TraceError
from bench.replay import is_enter_between_braces, replay
from bench.trace import Trace, TraceDocument
from bench.typist.draft import Draft, Region
from bench.typist.shapes import Span, arguments, functions
from bench.typist.typist import Closing, Typist
from coder_lsp.languages import language_of_path

_NUM_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A finished file; ``path`` is the one in the trace."""

    path: str
    text: str

    @property
    def language(self) -> str:
        """The LSP language id."""
        return language_of_path(Path(self.path)).id

    def draft(self) -> Draft:
        """Return the finished document, from which regions can be taken out."""
        return Draft(self.path, self.language, self.text)


def typing_session(
    name: str, files: Sequence[SourceFile], closing: Closing, seed: int, num_characters: int
) -> Trace:
    """Type functions from nothing one below the other, and nothing else."""

    def play(chance: random.Random) -> tuple[Draft, Typist]:
        draft = files[0].draft()
        region = _consecutive(draft, chance, num_characters)
        before = Draft(draft.path, draft.language, draft.text)
        typist = Typist(chance, closing)
        typist.write(draft, region)
        _require_finished(draft)
        return before, typist

    return _first_that_works(name, play, seed)


def editing_session(
    name: str, files: Sequence[SourceFile], closing: Closing, seed: int, num_characters: int
) -> Trace:
    """Work at several places of two files: type, accept, fill calls, paste, correct, switch."""

    def play(chance: random.Random) -> tuple[Draft, Typist]:
        first, second = files[0].draft(), files[1].draft()
        share = num_characters // 3
        written = _function(first, chance, 2 * share, 4 * share)
        pasted = _function(first, chance, 100, 500)
        calls = [_call(first, chance) for _ in range(3)]
        misspelt = _misspelt(first, chance)
        other = _function(second, chance, share // 2, 3 * share)
        other_call = _call(second, chance)
        before = Draft(first.path, first.language, first.text)
        typist = Typist(chance, closing)
        typist.write(first, written, share // 2)
        typist.accept(first, written, 1)
        typist.write(first, written, share // 4)
        typist.write(first, calls[0])
        typist.write(first, written, share // 4)
        typist.accept(first, written, 1)
        typist.write_over(first, misspelt)
        typist.paste(first, pasted)
        typist.open(second, other)
        typist.write(second, other, share // 2)
        typist.accept(second, other, 1)
        typist.write(first, calls[1])
        typist.write(second, other, share // 4)
        typist.write(second, other_call)
        typist.accept(second, other, 1)
        typist.write(second, other)
        typist.write(first, written)
        typist.write(first, calls[2])
        _require_finished(first)
        _require_finished(second)
        return before, typist

    return _first_that_works(name, play, seed)


def _first_that_works(
    name: str, play: Callable[[random.Random], tuple[Draft, Typist]], seed: int
) -> Trace:
    """Return the first session that ends with the finished files, whatever the editor added.

    Not every function can be typed with an editor that closes brackets by a simple rule; such an
    attempt is given up and another place chosen. The same seed always ends at the same one.
    """
    for attempt in range(_NUM_ATTEMPTS):
        chance = random.Random(f"{name}/{seed}/{attempt}")  # noqa: S311 (not for secrets)
        try:
            draft, typist = play(chance)
            document = TraceDocument(draft.path, draft.language, draft.text)
            trace = Trace(name, document, tuple(typist.events))
            _require_braces(trace, draft.language)
        except TraceError:
            continue
        return trace
    raise TraceError(f"No session for {name} came out right in {_NUM_ATTEMPTS} attempts.")


def _require_braces(trace: Trace, language: str) -> None:
    """Require Enter between braces once in 100 keystrokes; also that the trace can be replayed."""
    keystrokes = list(replay(trace))
    num_enters = sum(is_enter_between_braces(keystroke) for keystroke in keystrokes)
    if language != "python" and 100 * num_enters < len(keystrokes):
        raise TraceError(f"{trace.name} has too few braces.")


def _require_finished(draft: Draft) -> None:
    if draft.text != draft.finished:
        raise TraceError(f"{draft.path} did not become what it should be.")


def _consecutive(draft: Draft, chance: random.Random, num_characters: int) -> Region:
    """Take out neighbouring functions of about so many characters together."""
    spans = functions(draft.finished, draft.language)
    first = chance.choice(spans)
    last = first
    for span in spans:
        is_near = first.start < span.start and draft.finished[last.end : span.start].strip() == ""
        if last.end - first.start < num_characters and is_near:
            last = span
    length = last.end - first.start
    if not 0.9 * num_characters <= length <= 1.6 * num_characters:
        raise TraceError(f"{length} characters were found, {num_characters} wanted.")
    return draft.take_out(first.start, draft.finished[first.start : last.end])


def _function(draft: Draft, chance: random.Random, least: int, most: int) -> Region:
    spans = functions(draft.finished, draft.language)
    return _take_one(draft, chance, [s for s in spans if least <= s.end - s.start <= most])


def _call(draft: Draft, chance: random.Random) -> Region:
    return _take_one(draft, chance, arguments(draft.finished))


def _misspelt(draft: Draft, chance: random.Random) -> Region:
    """Take out a word of which two letters are in the wrong order."""
    words = [span for span in _words(draft.finished) if span.end - span.start >= 6]
    free = [s for s in words if draft.is_free(s.start, s.end)]
    span = chance.choice(free)
    word = draft.finished[span.start : span.end]
    i = chance.randrange(1, len(word) - 2)
    wrong = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return draft.take_out(span.start, word, wrong)


def _words(text: str) -> list[Span]:
    spans, start = [], None
    for i, character in enumerate(text + " "):
        if character.isalpha() and start is None:
            start = i
        elif not character.isalpha() and start is not None:
            spans.append(Span(start, i))
            start = None
    return spans


def _take_one(draft: Draft, chance: random.Random, spans: Sequence[Span]) -> Region:
    free = [span for span in spans if draft.is_free(span.start, span.end)]
    if not free:
        raise TraceError(f"{draft.path} has no place left for this session.")
    span = chance.choice(free)
    return draft.take_out(span.start, draft.finished[span.start : span.end])
