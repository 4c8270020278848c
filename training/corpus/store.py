"""The corpus on disk: all texts behind each other in one file, and a line of facts for each.

::

    texts.bin     UTF-8
    files.jsonl   {"path", "package", "language", "use", "offset", "length"} in bytes of texts.bin

One big file can be mapped into memory, so that any document is at hand without reading the rest.
"""

import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from training.errors import TrainingError

TEXTS_NAME = "texts.bin"
FILES_NAME = "files.jsonl"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the corpus; ``offset`` and ``length`` are bytes in ``texts.bin``."""

    path: str
    package: str
    language: str
    use: str
    offset: int
    length: int


class CorpusWriter:
    """Appends files; made by ``write_corpus``."""

    def __init__(self, folder: Path) -> None:
        self._texts = (folder / f"{TEXTS_NAME}.partial").open("wb")
        self._files = (folder / f"{FILES_NAME}.partial").open("w", encoding="utf-8")

    def add(self, path: str, package: str, language: str, use: str, text: str) -> int:
        """Append one file and return its length in bytes."""
        content = text.encode("utf-8")
        entry = SourceFile(path, package, language, use, self._texts.tell(), len(content))
        self._texts.write(content)
        self._files.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
        return len(content)

    def close(self) -> None:
        """Close both files, wherever writing got to."""
        self._texts.close()
        self._files.close()


@contextmanager
def write_corpus(folder: Path) -> Iterator[CorpusWriter]:
    """Write a corpus that appears under its names only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = CorpusWriter(folder)
    try:
        yield writer
    finally:
        writer.close()
    for name in (TEXTS_NAME, FILES_NAME):
        (folder / f"{name}.partial").replace(folder / name)


class Corpus:
    """A corpus opened for reading."""

    def __init__(self, folder: Path) -> None:
        """Open the corpus. Raises ``TrainingError`` if there is none."""
        if not (folder / FILES_NAME).is_file():
            raise TrainingError(
                f"{folder} holds no corpus. Make one with 'python -m training corpus'."
            )
        with (folder / FILES_NAME).open(encoding="utf-8") as lines:
            self.files = tuple(SourceFile(**json.loads(line)) for line in lines)
        with (folder / TEXTS_NAME).open("rb") as texts:
            self._texts = mmap.mmap(texts.fileno(), 0, access=mmap.ACCESS_READ)

    def text(self, file: SourceFile) -> str:
        """Return a file's text."""
        return self._texts[file.offset : file.offset + file.length].decode("utf-8")
