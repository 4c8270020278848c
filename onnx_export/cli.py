"""The command ``coder-lsp-export``. Only this module and ``progress_report.py`` print."""

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
from onnx_export.export import Labels, check, export
from onnx_export.graph_run import require_runtime
from onnx_export.inspection import inspect, tell
from onnx_export.partial_folder import partial_path
from onnx_export.progress_report import JsonReport, Style, reporting
from onnx_export.reference import require_reference
from onnx_export.source import HuggingFaceFolder, MadeUp, Source, open_source
from onnx_export.via_optimum import export_via_optimum

_PATH = click.Path(path_type=Path)
# The exit status of a program that Ctrl-C ended.
_INTERRUPTED = 130


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("folders", nargs=-1, required=True, type=_PATH, metavar="[SOURCE] OUT_DIR")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8", "int4", "keep"]),
    help="keep: Q4_0 and Q8_0 of a GGUF file as they are, the rest in int8. Default: keep for a "
    "GGUF file that is mostly Q4_0 or Q8_0, else int8 below a billion parameters, else int4.",
)
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
@click.option("--inspect", "inspects", is_flag=True, help="Describe SOURCE; needs no OUT_DIR.")
@click.option("--json", "as_json", is_flag=True, help="With --inspect: as one JSON object.")
@click.option("--random-weights", type=_PATH, metavar="CONFIG_JSON", help="In SOURCE's place.")
@click.option("--layers", type=int, help="With --random-weights: cut the model to so many layers.")
@click.option("--seed", default=0, show_default=True, help="With --random-weights.")
@click.option("--tokenizer", type=_PATH, help="Default: tokenizer.json beside config.json.")
@click.option("--name", help="The model's name in the manifest. Default: OUT_DIR's.")
@click.option("--license", "license_", help="Default: what SOURCE says.")
@click.option("--num-generable-ids", type=int, help="Ids from this one on are never generated.")
@click.option(
    "--via", type=click.Choice(["optimum"]), help="Write optimum's graph of SOURCE, a folder."
)
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
    inspects: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
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
    """Export a model to a model folder of coder-lsp.

    SOURCE is a Hugging Face folder or a GGUF file (the first one, if the model is split) of the
    architecture DeepSeek-V2, Llama or Qwen2. If the command is interrupted, the same command
    continues.
    """
    if inspects:
        _inspect(folders, as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --inspect only; see --progress json.")
    labels = Labels(name, license_, num_generable_ids, tokenizer)
    out_dir = folders[-1]
    try:
        source = _source(folders, random_weights, layers, seed)
        if via is not None:
            _export_via_optimum(source, out_dir, precision)
            return
        if verify:
            _require_verifiable(source)
        config = ExportConfig(
            precision or source.default_precision,
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
        if isinstance(source, HuggingFaceFolder) and verify:
            _verify(source.path, out_dir, config.precision)
    except ExportError as exc:
        _fail(style, str(exc), 1)
    except KeyboardInterrupt:
        _fail(style, _how_to_go_on(out_dir), _INTERRUPTED)


def main() -> None:
    """Run the command line."""
    # A parent process ends this one by SIGTERM. The lock and the partial folder need care then too.
    signal.signal(signal.SIGTERM, _interrupt)
    command(prog_name="coder-lsp-export")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _source(
    folders: tuple[Path, ...], random_weights: Path | None, layers: int | None, seed: int
) -> Source:
    match folders, random_weights:
        case [path, _], None:
            if layers is not None:
                raise click.UsageError("--layers goes with --random-weights only.")
            return open_source(path)
        case [_], Path():
            return MadeUp(random_weights, layers, seed)
        case _, None:
            raise click.UsageError("Name two paths: SOURCE and OUT_DIR.")
    raise click.UsageError("With --random-weights name one folder only: OUT_DIR.")


def _inspect(folders: tuple[Path, ...], *, as_json: bool) -> None:
    if len(folders) != 1:
        raise click.UsageError("With --inspect name one path only: SOURCE.")
    try:
        click.echo(tell(inspect(folders[0]), as_json=as_json))
    except ExportError as exc:
        _fail("json" if as_json else "none", str(exc), 1)


def _export_via_optimum(source: Source, out_dir: Path, precision: Precision | None) -> None:
    if not isinstance(source, HuggingFaceFolder):
        raise click.UsageError(
            "--via optimum needs a folder: it loads neither GGUF files nor made-up weights."
        )
    if precision not in {None, "fp32"}:
        raise click.UsageError("--via optimum writes fp32 only.")
    export_via_optimum(source.path, out_dir)


def _export(
    source: Source,
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
        f"Interrupted. {partial} holds {size / 1e9:.2f} GB, and the same command continues there. "
        "Removing that folder frees the space."
    )


def _fail(style: Style, message: str, exit_code: int) -> NoReturn:
    if style == "json":
        JsonReport().error(message)
    else:
        click.echo(f"Error: {message}", err=True)
    sys.exit(exit_code)


def _require_verifiable(source: Source) -> None:
    """Refuse before any work what could not be compared afterwards."""
    if not isinstance(source, HuggingFaceFolder):
        raise click.UsageError(
            "--verify needs a Hugging Face folder: transformers loads no other source here."
        )
    require_reference()
    require_runtime()


def _verify(hf_dir: Path, out_dir: Path, precision: Precision) -> None:
    # Imported here because it brings torch along.
    from onnx_export.verify import require_agreement, verify  # noqa: PLC0415

    table = Table(
        *("prompt tokens", "max logit error", "after rewind", "relative error"),
        "greedy tokens agreeing",
    )
    rows = verify(hf_dir, out_dir)
    for row in rows:
        table.add_row(
            str(row.num_prompt_tokens),
            f"{row.max_abs_logit_error:.2g}",
            f"{row.after_rewind_max_abs_error:.2g}",
            f"{row.relative_error:.2g}",
            f"{row.num_agreeing} of {row.num_new_tokens}" + (" (near tie)" * row.is_near_tie),
        )
    # On standard error, because --progress json has the other.
    console = Console(stderr=True)
    console.print("Compared with transformers:")
    console.print(table)
    require_agreement(precision, rows)
