"""``tokenization``: the tokenizer built from a GGUF file, against llama.cpp's of the same file.

Texts are single lines and runs of lines of source files. llama-server is asked with
``parse_special`` off, so that a file that spells a control token is just text, as it is for us.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import click

from bench.errors import BenchError
from bench.llama_server import (
    LlamaServer,
    find_llama_server,
    llama_server_version,
    running_llama_server,
)
from bench.result_file import write_result
from coder_lsp.languages import LANGUAGES, language_of_path
from coder_lsp.tokenizer import Tokenizer
from onnx_export.errors import ExportError
from onnx_export.gguf_file.source import GgufSource

_PATH = click.Path(path_type=Path)
_SEED = 20_26
_MAX_FILE_BYTES = 1 << 20
_MAX_RUN = 30
_NUM_SHOWN = 10
_LANGUAGE_IDS = frozenset(language.id for language in LANGUAGES)


@dataclass(slots=True)
class Agreement:
    """Of the texts of one language; ``lines`` are those in all texts together."""

    texts: int = 0
    lines: int = 0
    equal: int = 0


@dataclass(slots=True)
class Report:
    """Agreement by language, and the first texts that differ."""

    languages: dict[str, Agreement] = field(default_factory=lambda: defaultdict(Agreement))
    differences: list[dict[str, Any]] = field(default_factory=list)

    def add(self, language: str, text: str, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """Count one text."""
        agreement = self.languages[language]
        agreement.texts += 1
        agreement.lines += text.count("\n") + (not text.endswith("\n"))
        agreement.equal += list(ours) == list(theirs)
        if list(ours) != list(theirs) and len(self.differences) < _NUM_SHOWN:
            self.differences.append({"text": text, "ours": list(ours), "llama_cpp": list(theirs)})

    def total(self, name: str) -> int:
        """Return the sum of a figure over all languages."""
        return sum(getattr(agreement, name) for agreement in self.languages.values())


@click.command()
@click.argument("gguf", type=_PATH)
@click.argument("folders", nargs=-1, required=True, type=_PATH)
@click.option("--lines", "num_lines", default=1000, show_default=True, help="Of each language.")
@click.option("--json", "json_path", type=_PATH, required=True)
def command(gguf: Path, folders: tuple[Path, ...], num_lines: int, json_path: Path) -> None:
    """Compare token ids of GGUF's tokenizer on the source files below FOLDERS.

    The exit status is 1 if any text has other ids.
    """
    try:
        content = GgufSource.open(gguf).read_tokenizer().content
    except ExportError as exc:
        raise BenchError(str(exc)) from exc
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_bytes(content)
        tokenizer = Tokenizer(path)
    program = find_llama_server()
    report = Report()
    with running_llama_server(program, gguf, 1, ("-c", "512")) as server:
        for language, text in sample_texts(folders, num_lines):
            report.add(language, text, tokenizer.encode(text), _tokenize(server, text))
    document = {
        "gguf": gguf.name,
        "llama_cpp": llama_server_version(program),
        "lines": report.total("lines"),
        "texts": report.total("texts"),
        "equal": report.total("equal"),
        "languages": {
            name: {"texts": a.texts, "lines": a.lines, "equal": a.equal}
            for name, a in sorted(report.languages.items())
        },
        "differences": report.differences,
    }
    write_result(json_path, document)
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    if report.total("equal") < report.total("texts"):
        raise click.ClickException("Some texts have other token ids.")


def sample_texts(folders: Sequence[Path], num_lines: int) -> Iterator[tuple[str, str]]:
    """Yield languages and texts: half of the lines one by one, half in runs."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    Random(_SEED)  # noqa: S311 (no secret).shuffle(paths)
    left = dict.fromkeys(_LANGUAGE_IDS, num_lines)
    random = Random(_SEED)  # noqa: S311 (no secret)
    for path in paths:
        language = language_of_path(path).id
        if left.get(language, 0) <= 0:
            continue
        lines = _lines(path)
        # So that one long file is not all there is of a language.
        lines = lines[: max(num_lines // 5, 1)]
        left[language] -= len(lines)
        yield from ((language, text) for text in _texts(lines, random))


def _texts(lines: Sequence[str], random: Random) -> Iterator[str]:
    start = 0
    while start < len(lines):
        count = 1 if random.random() < 0.9 else random.randint(2, _MAX_RUN)
        yield "".join(lines[start : start + count])
        start += count


def _lines(path: Path) -> list[str]:
    if path.stat().st_size > _MAX_FILE_BYTES:
        return []
    try:
        return path.read_bytes().decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return []


def _tokenize(server: LlamaServer, text: str) -> list[int]:
    answer = server.ask(
        "/tokenize", {"content": text, "add_special": False, "parse_special": False}
    )
    return [int(token_id) for token_id in answer["tokens"]]
