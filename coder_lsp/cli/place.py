"""A place in a file, as a user names it on the command line: ``FILE:LINE:COLUMN``."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

import click

from coder_lsp.documents.document import DocumentSnapshot, line_end
from coder_lsp.errors import DocumentError
from coder_lsp.languages import language_of_path

# Only the last two numbers count: the colon after a Windows drive letter belongs to the path.
_PLACE = re.compile(r"(?P<path>.+):(?P<line>\d+):(?P<column>\d+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """``line`` and ``column`` count from 1; ``column`` counts code points."""

    path: Path
    line: int
    column: int


def parse_place(ctx: click.Context, param: click.Parameter, value: str) -> Place:
    """Parse ``FILE:LINE:COLUMN`` as click's callback. Raises ``click.BadParameter``."""
    match = _PLACE.fullmatch(value)
    if match is None or int(match["line"]) < 1 or int(match["column"]) < 1:
        expected = "expected FILE:LINE:COLUMN, both counted from 1, such as app.py:12:5"
        raise click.BadParameter(f"{expected}; found {value!r}", ctx, param)
    return Place(Path(match["path"]), int(match["line"]), int(match["column"]))


def read_snapshot(place: Place) -> DocumentSnapshot:
    """Read the file and put the cursor at the place. Raises ``DocumentError``."""
    path = place.path
    text = _read_text(path)
    return DocumentSnapshot(
        uri=path.resolve().as_uri(),
        version=0,
        language_id=language_of_path(path).id,
        text=text,
        offset=offset_of(text, place),
    )


def offset_of(text: str, place: Place) -> int:
    """Return the place's offset in the file's text. Raises ``DocumentError`` past the end."""
    start = 0
    for line in range(1, place.line):
        end = line_end(text, start)
        if end == len(text):
            raise DocumentError(
                f"{place.path} has {_count(line, 'line')}; there is no line {place.line}."
            )
        start = end + (2 if text.startswith("\r\n", end) else 1)
    width = line_end(text, start) - start
    if place.column > width + 1:
        raise DocumentError(
            f"Line {place.line} of {place.path} has {_count(width, 'character')}; the cursor can "
            f"be at columns 1 to {width + 1}, not at {place.column}."
        )
    return start + place.column - 1


def _read_text(path: Path) -> str:
    """Read UTF-8 without touching line ends; a byte order mark is no part of the text."""
    try:
        return path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except FileNotFoundError as exc:
        raise DocumentError(f"There is no file {path}.") from exc
    except UnicodeDecodeError as exc:
        raise DocumentError(
            f"{path} is not UTF-8: byte {exc.object[exc.start]:#04x} at offset {exc.start}. "
            "Convert it to UTF-8 first."
        ) from exc
    except OSError as exc:
        # Windows says "permission denied" of a directory, Linux "is a directory".
        reason = "it is a directory" if path.is_dir() else (exc.strerror or str(exc))
        raise DocumentError(f"{path} cannot be read: {reason}.") from exc


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
