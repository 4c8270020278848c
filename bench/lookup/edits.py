"""Places to complete in real files, sorted by the kind of edit; every machine has these files."""

import itertools
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coder_lsp.models.model_folder import FimTemplate
from coder_lsp.prompt.fim_template import arrange
from coder_lsp.tokenizer import Tokenizer

PREFIX_TOKENS = 448
SUFFIX_TOKENS = 128
_MIN_LINES_BEFORE = 12
_NUM_LINES_LEFT_OUT = 2
_NUM_KEYSTROKES = 8

_LIBRARY = Path(sysconfig.get_path("stdlib"))
_REPOSITORY = Path(__file__).parents[2]
_FILES = {
    # The next entry of a table, an enumeration, a list of test cases; one more call like the last.
    "table": [_LIBRARY / name for name in ("html/entities.py", "mimetypes.py")]
    + [_LIBRARY / "encodings" / name for name in ("aliases.py", "cp437.py", "koi8_r.py")],
    "enumeration": [_LIBRARY / name for name in ("http/__init__.py", "stat.py", "token.py")]
    + [_LIBRARY / name for name in ("tkinter/constants.py", "xml/dom/__init__.py")],
    "test cases": sorted((_REPOSITORY / "tests").glob("*/test_*.py")),
    "calls": [_LIBRARY / name for name in ("opcode.py", "tkinter/__init__.py", "turtle.py")],
    "new code": sorted((_REPOSITORY / "coder_lsp").glob("**/*.py"))
    + [_LIBRARY / name for name in ("heapq.py", "textwrap.py", "shlex.py", "difflib.py")],
}
REPETITIVE = ("table", "enumeration", "test cases", "calls")
KINDS = (*_FILES, "typing")


@dataclass(frozen=True, slots=True)
class Place:
    """A prompt that ends where something is to be completed."""

    kind: str
    prompt_ids: tuple[int, ...]


def places(kind: str, number: int, tokenizer: Tokenizer, fim: FimTemplate) -> Iterator[Place]:
    """Yield ``number`` places of one kind.

    ``typing``: places of new code, each asked again after every keystroke of its next line.
    """
    texts: Iterator[tuple[str, str, str]]
    if kind == "typing":
        texts = itertools.chain.from_iterable(
            _keystrokes(before, after) for before, after in _cuts("new code")
        )
    else:
        texts = ((before, "", after) for before, after in _cuts(kind))
    for before, typed, after in itertools.islice(texts, number):
        rest = after.split("\n", _NUM_LINES_LEFT_OUT)[-1]
        prompt = arrange(
            fim,
            tokenizer.encode(before)[-PREFIX_TOKENS:],
            tokenizer.encode(rest)[:SUFFIX_TOKENS],
            tokenizer.encode(typed),
        )
        yield Place(kind, tuple(prompt))


def _cuts(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the text before and after a line start, from each file in turn, ever further down."""
    files = [lines for path in _FILES[kind] if path.is_file() and (lines := _lines(path))]
    for step in itertools.count():
        for lines in files:
            room = len(lines) - _MIN_LINES_BEFORE
            # A step that shares no divisor with most lengths visits nearly every line once.
            line = _MIN_LINES_BEFORE + (step * 37 + room // 2) % room
            if lines[line].strip():
                yield "".join(lines[:line]), "".join(lines[line:])


def _keystrokes(before: str, after: str) -> Iterator[tuple[str, str, str]]:
    line = after.split("\n", 1)[0]
    indent = len(line) - len(line.lstrip())
    for length in range(indent, min(indent + _NUM_KEYSTROKES, len(line))):
        yield before, line[:length], after


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, or none if it is too short to complete anything in."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return lines if len(lines) > 2 * _MIN_LINES_BEFORE else []
