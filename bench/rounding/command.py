"""``rounding``: what each choice in rounding the weights costs, on text mini was not trained on.

For a recipe all weights are rounded and restored, and the model is computed in float32: the figures
tell of the weights alone. ``exported`` rows are exports as they are, whose kernels round
activations too. Each next token's distribution is compared with that of the float32 export after
the same text: the Kullback-Leibler divergence moves with the rounding and hardly with the choice
of text, which the perplexity does.
"""

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file, save_file

from bench.infilling_tasks import read_tasks
from bench.result_file import write_result
from bench.rounding.recipes import RECIPES, Recipe
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer
from onnx_export.config import CONFIG_NAME, ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from onnx_export.tokenizer_file import TOKENIZER_NAME

_PATH = click.Path(path_type=Path)
_CAPACITY = 1024
_EXPORTS = {
    "exported, int8": ExportConfig("int8"),
    "exported, int4 --no-scale-search": ExportConfig("int4", scale_search=False),
    "exported, int4": ExportConfig("int4"),
}

LogProbabilities = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Row:
    """``divergence`` in nats a token; ``perplexity_growth`` is relative to float32's."""

    name: str
    divergence: float
    perplexity: float
    perplexity_growth: float


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--hf",
    "hf_dir",
    envvar="CODER_LSP_MINI_HF",
    default="../shared/models/mini",
    show_default=True,
    type=_PATH,
    help="Hugging Face folder of mini; also CODER_LSP_MINI_HF.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only so many of the programs.")
@click.option("--json", "out", required=True, type=_PATH)
def command(data: Path, hf_dir: Path, limit: int | None, out: Path) -> None:
    """Compare ways to round mini's weights on the programs of DATA (human-eval-infilling)."""
    tokenizer = Tokenizer(hf_dir / TOKENIZER_NAME)
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("") as status:
        measured = _Measured(hf_dir, Path(folder), _documents(data, tokenizer, limit))
        rows = list[Row]()
        for row in measured.rows():
            status.update(row.name)
            rows.append(row)
    report = {
        "model": hf_dir.resolve().name,
        "programs": len(measured.documents),
        "tokens": measured.num_tokens,
        "perplexity": measured.perplexity,
        "rows": [asdict(row) for row in rows],
    }
    write_result(out, report)
    Console().print(_table(rows))


def _documents(data: Path, tokenizer: Tokenizer, limit: int | None) -> list[list[int]]:
    """Return each program once, whole, as token ids."""
    programs = {task.entry_point: task for task in reversed(read_tasks(data))}
    texts = [t.prompt + t.canonical_solution + t.suffix for t in programs.values()]
    return [tokenizer.encode(text)[: _CAPACITY - 1] for text in texts[:limit]]


class _Measured:
    """The float32 export's distributions, and others against them."""

    def __init__(self, hf_dir: Path, folder: Path, documents: list[list[int]]) -> None:
        self.documents = documents
        self.num_tokens = sum(len(token_ids) for token_ids in documents)
        self._hf_dir = hf_dir
        self._folder = folder
        runner, bos = self._export(hf_dir, ExportConfig("fp32"))
        self._bos = bos
        self._exact = list(self._log_probabilities(runner))
        pairs = zip(self._exact, self.documents, strict=True)
        self._nats = sum(_nats(log_p, ids) for log_p, ids in pairs) / self.num_tokens
        self.perplexity = math.exp(self._nats)

    def rows(self) -> Iterator[Row]:
        """Measure recipes, then exports."""
        for recipe in RECIPES:
            rounded = self._rounded_checkpoint(recipe)
            yield self._row(recipe.name, self._export(rounded, ExportConfig("fp32"))[0])
        for name, config in _EXPORTS.items():
            yield self._row(name, self._export(self._hf_dir, config)[0])

    def _row(self, name: str, runner: ModelRunner) -> Row:
        divergence = nats = 0.0
        found = self._log_probabilities(runner)
        for exact, log_p, ids in zip(self._exact, found, self.documents, strict=True):
            reference = exact.astype(np.float32)
            divergence += float((np.exp(reference) * (reference - log_p)).sum())
            nats += _nats(log_p, ids)
        growth = math.exp(nats / self.num_tokens - self._nats) - 1
        perplexity = math.exp(nats / self.num_tokens)
        return Row(name, divergence / self.num_tokens, perplexity, growth)

    def _log_probabilities(self, runner: ModelRunner) -> Iterator[LogProbabilities]:
        """Yield ``[tokens, vocabulary]`` for each document: what was expected before each token."""
        cache = runner.create_cache(_CAPACITY)
        for token_ids in self.documents:
            cache.trim(cache.offset)
            inputs = [self._bos, *token_ids[:-1]]
            logits = runner.run(cache, inputs, CancellationToken(), num_logits=len(inputs))
            logits -= logits.max(axis=-1, keepdims=True)
            logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
            yield logits.astype(np.float16)

    def _rounded_checkpoint(self, recipe: Recipe) -> Path:
        folder = self._folder / "rounded"
        folder.mkdir(exist_ok=True)
        tensors = load_file(self._hf_dir / "model.safetensors")
        for name, tensor in tensors.items():
            weight = tensor.astype(np.float32)
            rounding = recipe.rounding_of(name, weight)
            tensors[name] = weight if rounding is None else rounding.restored(weight)
        save_file(tensors, folder / "model.safetensors")
        for name in (CONFIG_NAME, TOKENIZER_NAME):
            shutil.copyfile(self._hf_dir / name, folder / name)
        return folder

    def _export(self, hf_dir: Path, config: ExportConfig) -> tuple[ModelRunner, int]:
        out_dir = self._folder / "export"
        shutil.rmtree(out_dir, ignore_errors=True)
        export(HuggingFaceFolder(hf_dir), out_dir, config, Labels(), lambda _: None)
        folder = ModelFolder.read(out_dir)
        fim = folder.manifest.fim
        # Something must come before the first token, also in a model without BOS.
        return ModelRunner(folder, 1), fim.eos if fim.bos is None else fim.bos


def _nats(log_p: LogProbabilities, token_ids: Sequence[int]) -> float:
    return -float(log_p[np.arange(len(token_ids)), token_ids].astype(np.float64).sum())


def _table(rows: Sequence[Row]) -> Table:
    table = Table("recipe", "divergence, nats/1000", "perplexity", "growth")
    for row in rows:
        table.add_row(
            row.name,
            f"{1000 * row.divergence:.2f}",
            f"{row.perplexity:.3f}",
            f"{100 * row.perplexity_growth:+.2f} %",
        )
    return table
