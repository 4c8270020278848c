"""Exact match on lines of held-out documents, by language, completed as the server completes.

In each document one line is cut at a random place behind its indentation; the model sees what is
before and after and is to write the rest of the line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from coder_lsp.backends.base import Backend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.generation import complete
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import GenerationOptions
from coder_lsp.request import Request
from training.corpus.store import Corpus, SourceFile
from training.evaluate.held_out import held_out_files

_MIN_REST = 3
"""Code points that must be left to guess, blanks at the end aside."""
_MAX_REST = 80
_AROUND = 6000
"""Code points of a document kept on either side: more than the model's window."""
_MAX_NEW_TOKENS = 48


@dataclass(frozen=True, slots=True)
class HeldOutLines:
    """Of ``num_lines`` lines ``num_exact`` were completed exactly, blanks at the end aside."""

    num_lines: int
    num_exact: int

    @property
    def exact_match(self) -> float:
        """The share of exact ones."""
        return self.num_exact / self.num_lines if self.num_lines else 0.0


@dataclass(frozen=True, slots=True)
class CutLine:
    """A document with the rest of a line taken out at ``offset``."""

    text: str
    offset: int
    rest: str


def held_out_lines(
    backend: Backend, corpus: Corpus, lines_per_language: int, seed: int
) -> dict[str, HeldOutLines]:
    """Complete lines of so many documents of each language, drawn by the seed."""
    return {
        language: _measure(backend, corpus, files, lines_per_language, seed)
        for language, files in held_out_files(corpus).items()
    }


def cut_line(text: str, chance: Random) -> CutLine | None:
    """Cut a line of a document, None where no line has enough in it."""
    lines = text.split("\n")
    candidates = [i for i, line in enumerate(lines) if len(line.strip()) > _MIN_REST]
    if not candidates:
        return None
    i = chance.choice(candidates)
    line = lines[i].rstrip()
    indentation = len(line) - len(line.lstrip())
    column = chance.randint(indentation, len(line) - _MIN_REST)
    offset = sum(len(line) + 1 for line in lines[:i]) + column
    rest = line[column:]
    if len(rest) > _MAX_REST:
        return None
    before = text[max(0, offset - _AROUND) : offset]
    after = "\n".join([lines[i][len(line) :], *lines[i + 1 :]])[:_AROUND]
    return CutLine(before + after, len(before), rest)


def _measure(
    backend: Backend, corpus: Corpus, files: Sequence[SourceFile], num_lines: int, seed: int
) -> HeldOutLines:
    chance = Random(seed)
    files = list(files)
    chance.shuffle(files)
    num_measured = num_exact = 0
    for file in files:
        if num_measured == num_lines:
            break
        cut = cut_line(corpus.text(file), chance)
        if cut is not None:
            num_measured += 1
            num_exact += _is_exact(backend, cut, file)
    return HeldOutLines(num_measured, num_exact)


def _is_exact(backend: Backend, cut: CutLine, file: SourceFile) -> bool:
    uri = f"untitled:{file.package}/{file.path}"
    snapshot = DocumentSnapshot(uri, 1, file.language, cut.text, cut.offset)
    options = GenerationOptions(_MAX_NEW_TOKENS, stop_strings=("\n",))
    request = Request(snapshot, options, raw=True)
    completion = complete(request, backend, CancellationToken())
    backend.forget(uri)
    return completion.raw.rstrip() == cut.rest
