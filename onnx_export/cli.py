"""The command ``coder-lsp-export``; with ``progress_report.py`` all that the exporter prints."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console
from rich.table import Table

from onnx_export.config import ExportConfig, Precision, Target
from onnx_export.errors import ExportError
from onnx_export.export import HuggingFaceFolder, Labels, MadeUp, check, export
from onnx_export.partial_folder import partial_path
from onnx_export.progress_report import JsonReport, Style, reporting
from onnx_export.reference import require_reference
from onnx_export.via_optimum import export_via_optimum

_PATH = click.Path(path_type=Path)
# What shells say of a program that Ctrl-C ended.
_INTERRUPTED = 130


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("folders", nargs=-1, required=True, type=_PATH, metavar="[HF_DIR] OUT_DIR")
@click.option("--precision", type=click.Choice(["fp32", "fp16", "int8", "int4"]), help="Required.")
@click.option("--target", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--block-size", default=32, show_default=True, help="Weights that share a scale.")
@click.option(
    "--expert-block-size",
    type=int,
    help="The same for routed experts, and for what int4 keeps in 8 bits. Default: 128 with int4, "
    "else as --block-size.",
)
@click.option(
    "--scale-search/--no-scale-search",
    default=True,
    show_default=True,
    help="With int4: try several scales for each block of weights. Slower, and more exact.",
)
@click.option("--context-length", type=int, help="Default: the model's own limit.")
@click.option("--verify", is_flag=True, help="Compare with transformers afterwards (needs torch).")
@click.option(
    "--check", "checks_only", is_flag=True, help="Read all but the weights, write nothing."
)
@click.option("--random-weights", type=_PATH, metavar="CONFIG_JSON", help="In HF_DIR's place.")
@click.option("--layers", type=int, help="With --random-weights: cut the model to so many layers.")
@click.option("--seed", default=0, show_default=True, help="With --random-weights.")
@click.option("--tokenizer", type=_PATH, help="Default: tokenizer.json beside config.json.")
@click.option("--name", help="The model's name in the manifest. Default: OUT_DIR's.")
@click.option("--license", "license_", help="Default: what HF_DIR's README.md says at its top.")
@click.option("--num-generable-ids", type=int, help="Ids from this one on are never generated.")
@click.option("--via", type=click.Choice(["optimum"]), help="Write optimum's graph of HF_DIR only.")
@click.option(
    "--progress",
    "style",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "json", "none"]),
    help="json: an object a line on standard output, for a program that waits.",
)
def command(
    folders: tuple[Path, ...],
    precision: Precision | None,
    target: Target,
    block_size: int,
    expert_block_size: int | None,
    scale_search: bool,  # noqa: FBT001
    context_length: int | None,
    verify: bool,  # noqa: FBT001
    checks_only: bool,  # noqa: FBT001
    random_weights: Path | None,
    layers: int | None,
    seed: int,
    tokenizer: Path | None,
    name: str | None,
    license_: str | None,
    num_generable_ids: int | None,
    via: str | None,
    style: Style,
) -> None:
    """Export a Hugging Face folder (DeepSeek-V2 or Llama) to a model folder of coder-lsp.

    Interrupted, the same command goes on where it was.
    """
    if verify and random_weights is not None:
        raise click.UsageError("--verify needs HF_DIR: transformers cannot load made-up weights.")
    source, out_dir = _source(folders, random_weights, layers, seed)
    labels = Labels(name, license_, num_generable_ids, tokenizer)
    try:
        if via is not None:
            _export_via_optimum(source, out_dir, precision)
            return
        if precision is None:
            raise click.MissingParameter(param_hint="'--precision'", param_type="option")
        if verify:
            require_reference()
        config = ExportConfig(
            precision,
            block_size,
            context_length,
            expert_block_size,
            target,
            scale_search,
        )
        if checks_only:
            check(source, out_dir, config, labels)
            return
        _export(source, out_dir, config, labels, style)
        if verify and isinstance(source, HuggingFaceFolder):
            _verify(source.path, out_dir)
    except ExportError as exc:
        _fail(style, str(exc), 1)
    except KeyboardInterrupt:
        _fail(style, _how_to_go_on(out_dir), _INTERRUPTED)


def main() -> None:
    """Run the command line."""
    # A parent process asks to end by this signal; the lock and what is written want care then too.
    signal.signal(signal.SIGTERM, _interrupt)
    command(prog_name="coder-lsp-export")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


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


def _export_via_optimum(
    source: HuggingFaceFolder | MadeUp, out_dir: Path, precision: Precision | None
) -> None:
    if not isinstance(source, HuggingFaceFolder):
        raise click.UsageError("--via optimum needs HF_DIR: it cannot load made-up weights.")
    if precision not in {None, "fp32"}:
        raise click.UsageError("--via optimum writes fp32 only.")
    export_via_optimum(source.path, out_dir)


def _export(
    source: HuggingFaceFolder | MadeUp,
    out_dir: Path,
    config: ExportConfig,
    labels: Labels,
    style: Style,
) -> None:
    with reporting(style) as report:
        export(source, out_dir, config, labels, report.progress)
        size = sum(path.stat().st_size for path in out_dir.iterdir())
        report.done(out_dir, f"{config.precision}, {size / 1e6:.1f} MB")


def _how_to_go_on(out_dir: Path) -> str:
    partial = partial_path(out_dir)
    if not partial.is_dir():
        return "Interrupted before anything was written."
    size = sum(path.stat().st_size for path in partial.iterdir())
    return (
        f"Interrupted. {size / 1e9:.2f} GB lie in {partial}: the same command goes on from there, "
        "and removing that folder frees the space."
    )


def _fail(style: Style, message: str, exit_code: int) -> NoReturn:
    if style == "json":
        JsonReport().error(message)
    else:
        click.echo(f"Error: {message}", err=True)
    sys.exit(exit_code)


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
