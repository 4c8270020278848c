"""Texts to measure on that every machine has: this repository's files and Python's own library."""

import itertools
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_REPOSITORY = Path(__file__).parents[1]
_REPOSITORY_PATTERNS = (
    "coder_lsp/**/*.py",
    "onnx_export/**/*.py",
    "editors/**/*.ts",
    "editors/**/*.lua",
)
_MIN_CHARACTERS = 2_000
_MAX_CHARACTERS = 4_000


def source_texts(number: int) -> Iterator[str]:
    """Yield ``number`` texts, each from a place of its own, starting where a line starts."""
    files = [*_repository_files(), *_library_files()]
    texts = [text for path in files if len(text := _read(path)) >= _MIN_CHARACTERS]
    if not texts:
        raise FileNotFoundError(f"No source file of {_MIN_CHARACTERS} characters was found.")
    yield from itertools.islice(_cut(texts), number)


def _cut(texts: list[str]) -> Iterator[str]:
    """Yield from each text in turn, then from each again further down."""
    for part in itertools.count():
        for text in texts:
            start = _line_start(text, part * _MIN_CHARACTERS % (len(text) - 1))
            yield text[start : start + _MAX_CHARACTERS]


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _repository_files() -> Iterator[Path]:
    for pattern in _REPOSITORY_PATTERNS:
        yield from sorted(_REPOSITORY.glob(pattern))


def _library_files() -> Iterator[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    yield from sorted(library.glob("*.py"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
