"""``rounding``: what each recipe for rounding the weights costs, on text of Python.

Each recipe is an export as it is served, whose kernels round activations too. Each next token's
distribution is compared with that of the float32 export after the same text: the Kullback-Leibler
divergence moves with the rounding and hardly with the choice of text, which the perplexity does.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import onnx_ir as ir
from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from bench.infilling_tasks import read_tasks
from bench.options import find_mini
from bench.result_file import write_result
from bench.rounding.body import bits_per_weight
from bench.rounding.divergence import CAPACITY, Divergence, Reference
from bench.rounding.grid_noise import NoisySource
from bench.rounding.recipes import Candidate, candidates
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer
from onnx_export.config import ExportConfig
from onnx_export.errors import ExportError
from onnx_export.export import Labels, export
from onnx_export.source import Source, open_source
from testing.mini_weights import MINI_DEFAULT, MINI_VARIABLE

_NAMES = [candidate.name for candidate in candidates()]
_CONTEXT_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe on one model; bits are those of the layers' weights, in the file."""

    recipe: str
    model: str
    variant: str
    bits_per_weight: float
    kl_nats_per_1000: float
    standard_error: float
    perplexity: float
    perplexity_ratio: float
    other_best_token_share: float


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--model",
    "path",
    envvar=MINI_VARIABLE,
    callback=find_mini,
    help=f"Hugging Face folder or GGUF file; also {MINI_VARIABLE}. Default: {MINI_DEFAULT}.",
)
@click.option("--noisy", is_flag=True, help="GGUF only: move each weight within its grid first.")
@click.option("--seed", default=0, show_default=True, help="With --noisy.")
@click.option("--tokens", default=3830, show_default=True, help="Whole programs up to so many.")
@click.option(
    "--recipe", "names", multiple=True, type=click.Choice(_NAMES), help="Default: all of them."
)
@click.option("--work", type=click.Path(path_type=Path), help="Folder for the exports.")
@click.option("--json", "out", required=True, type=click.Path(path_type=Path))
def command(
    data: Path,
    path: Path,
    noisy: bool,  # noqa: FBT001
    seed: int,
    tokens: int,
    names: tuple[str, ...],
    work: Path | None,
    out: Path,
) -> None:
    """Compare recipes for rounding a model's weights on the programs of DATA.

    DATA is a file of human-eval-infilling.
    """
    variant = "noisy" if noisy else "plain"
    chosen = [c for c in candidates() if not names or c.name in names]
    try:
        source = NoisySource.open(path, seed) if noisy else open_source(path)
        with tempfile.TemporaryDirectory(dir=work) as folder, Console(stderr=True).status("") as s:
            judge = _Judge(source, path, variant, Path(folder), data, tokens)
            rows = list[Row]()
            for candidate in chosen:
                s.update(candidate.name)
                rows.append(judge.row(candidate))
                judge.write(out, rows)
    except ExportError as exc:
        raise BenchError(str(exc)) from exc
    Console().print(_table(rows))


class _Judge:
    """The float32 export's distributions, and the exports compared with them."""

    def __init__(
        self, source: Source, path: Path, variant: str, folder: Path, data: Path, tokens: int
    ) -> None:
        self._source = source
        self._model = path.resolve().name
        self._variant = variant
        self._folder = folder
        exact = self._export(ExportConfig("fp32", context_length=_CONTEXT_LENGTH))
        tokenizer = Tokenizer(ModelFolder.read(exact).tokenizer_path)
        self._reference = Reference(exact, list(_documents(data, tokenizer, tokens)))

    def row(self, candidate: Candidate) -> Row:
        """Export by a recipe and compare."""
        out_dir = self._export(candidate.config)
        bits = bits_per_weight(ir.load(out_dir / "model.onnx"))
        found: Divergence = self._reference.compare(out_dir)
        return Row(candidate.name, self._model, self._variant, bits, **asdict(found))

    def write(self, out: Path, rows: Sequence[Row]) -> None:
        """Write what is known so far."""
        report = {
            "model": self._model,
            "variant": self._variant,
            "programs": len(self._reference.documents),
            "tokens": self._reference.num_tokens,
            "perplexity": self._reference.perplexity,
            "rows": [asdict(row) for row in rows],
        }
        write_result(out, report)

    def _export(self, config: ExportConfig) -> Path:
        out_dir = self._folder / "export"
        shutil.rmtree(out_dir, ignore_errors=True)
        export(self._source, out_dir, config, Labels(), lambda _: None)
        return out_dir


def _documents(data: Path, tokenizer: Tokenizer, num_tokens: int) -> Iterator[list[int]]:
    """Yield each program once, whole, as token ids, until there are ``num_tokens``."""
    programs = {task.entry_point: task for task in reversed(read_tasks(data))}
    found = 0
    for task in programs.values():
        if found >= num_tokens:
            return
        token_ids = tokenizer.encode(task.prompt + task.canonical_solution + task.suffix)
        yield token_ids[: CAPACITY - 1]
        found += len(token_ids)


def _table(rows: Sequence[Row]) -> Table:
    table = Table("recipe", "bits", "divergence, nats/1000", "perplexity", "other best token")
    for row in rows:
        table.add_row(
            row.recipe,
            f"{row.bits_per_weight:.2f}",
            f"{row.kl_nats_per_1000:.2f} ± {row.standard_error:.2f}",
            f"{100 * row.perplexity_ratio - 100:+.2f} %",
            f"{100 * row.other_best_token_share:.1f} %",
        )
    return table
