"""The command ``coder-lsp-export``; the only file of the exporter that prints."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from onnx_export.config import ExportConfig, Precision
from onnx_export.errors import ExportError
from onnx_export.export import HuggingFaceFolder, Labels, MadeUp, export
from onnx_export.reference import require_reference

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("folders", nargs=-1, required=True, type=_PATH, metavar="[HF_DIR] OUT_DIR")
@click.option("--precision", required=True, type=click.Choice(["fp32", "int8", "int4"]))
@click.option("--block-size", default=32, show_default=True, help="Weights that share a scale.")
@click.option("--context-length", type=int, help="Default: the model's own limit.")
@click.option("--verify", is_flag=True, help="Compare with transformers afterwards (needs torch).")
@click.option("--random-weights", type=_PATH, metavar="CONFIG_JSON", help="In HF_DIR's place.")
@click.option("--layers", type=int, help="With --random-weights: cut the model to so many layers.")
@click.option("--seed", default=0, show_default=True, help="With --random-weights.")
@click.option("--tokenizer", type=_PATH, help="Default: tokenizer.json beside config.json.")
@click.option("--name", help="The model's name in the manifest. Default: OUT_DIR's.")
@click.option("--license", "license_", help="Default: what HF_DIR's README.md says at its top.")
@click.option("--num-generable-ids", type=int, help="Ids from this one on are never generated.")
def command(
    folders: tuple[Path, ...],
    precision: Precision,
    block_size: int,
    context_length: int | None,
    verify: bool,  # noqa: FBT001
    random_weights: Path | None,
    layers: int | None,
    seed: int,
    tokenizer: Path | None,
    name: str | None,
    license_: str | None,
    num_generable_ids: int | None,
) -> None:
    """Export a DeepSeek-V2 model from a Hugging Face folder to a model folder of coder-lsp."""
    if verify and random_weights is not None:
        raise click.UsageError("--verify needs HF_DIR: transformers cannot load made-up weights.")
    source, out_dir = _source(folders, random_weights, layers, seed)
    labels = Labels(name, license_, num_generable_ids, tokenizer)
    try:
        if verify:
            require_reference()
        _export(source, out_dir, ExportConfig(precision, block_size, context_length), labels)
        if verify and isinstance(source, HuggingFaceFolder):
            _verify(source.path, out_dir)
    except ExportError as exc:
        raise click.ClickException(str(exc)) from exc


def main() -> None:
    """Run the command line."""
    command(prog_name="coder-lsp-export")


def _source(
    folders: tuple[Path, ...], random_weights: Path | None, layers: int | None, seed: int
) -> tuple[HuggingFaceFolder | MadeUp, Path]:
    match folders, random_weights:
        case [hf_dir, out_dir], None:
            if layers is not None:
                raise click.UsageError("--layers goes with --random-weights only.")
            return HuggingFaceFolder(hf_dir), out_dir
        case [out_dir], Path():
            return MadeUp(random_weights, layers, seed), out_dir
        case _, None:
            raise click.UsageError("Name two folders: HF_DIR and OUT_DIR.")
    raise click.UsageError("With --random-weights name one folder only: OUT_DIR.")


def _export(
    source: HuggingFaceFolder | MadeUp,
    out_dir: Path,
    config: ExportConfig,
    labels: Labels,
) -> None:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("reading the checkpoint", total=None)

        def show(num_written: int, total: int, tensor: str) -> None:
            progress.update(task, description=tensor, completed=num_written, total=total)

        export(source, out_dir, config, labels, show)
    size = sum(path.stat().st_size for path in out_dir.iterdir())
    console.print(f"{out_dir}: {config.precision}, {size / 1e6:.1f} MB")


def _verify(hf_dir: Path, out_dir: Path) -> None:
    # Imported here because it brings torch along.
    from onnx_export.verify import verify  # noqa: PLC0415

    table = Table("prompt tokens", "max logit error", "after rewind", "greedy tokens agreeing")
    for row in verify(hf_dir, out_dir):
        table.add_row(
            str(row.num_prompt_tokens),
            f"{row.max_abs_logit_error:.2g}",
            f"{row.after_rewind_max_abs_error:.2g}",
            f"{row.num_agreeing} of {row.num_new_tokens}" + (" (near tie)" * row.is_near_tie),
        )
    console = Console()
    console.print("Compared with transformers:")
    console.print(table)
