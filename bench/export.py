"""``export``: the whole of Lite written from made-up weights, timed, with the memory it takes.

The exporter runs as a child process, as an installation starts it, so that what it takes is not
mixed up with what measuring takes.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TimeElapsedColumn

from bench.decode.models import LITE_CONFIG, SMALL_CUT, full_size_folder
from bench.errors import BenchError
from bench.process_memory import peak_rss_bytes_of_children
from bench.result_file import write_result
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder

_PATH = click.Path(path_type=Path)
_PRECISION = "int4"
_SEED = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The contract's fields; ``output_dir`` is None where the result was not kept."""

    parameters: int
    precision: str
    peak_rss_bytes: int
    seconds: float
    output_bytes: int
    output_dir: str | None


@dataclass(frozen=True, slots=True)
class Interruption:
    """A second export, ended at ``bytes_written``, and gone on with until it was complete."""

    bytes_written: int
    seconds_before: float
    seconds_after: float
    same_hashes: bool


@click.command()
@click.option("--full-size", is_flag=True, help="All 27 layers of Lite; without it two.")
@click.option("--json", "out", type=_PATH, required=True)
@click.option("--keep", is_flag=True, help="Leave the model folder where it is.")
@click.option("--to", "out_dir", type=_PATH, help="Default: where bench decode looks for it.")
@click.option("--config", default=LITE_CONFIG, type=_PATH, help="Of another model than Lite.")
@click.option("--interrupt", is_flag=True, help="Export again, ended half way and gone on with.")
def command(
    full_size: bool,  # noqa: FBT001
    out: Path,
    keep: bool,  # noqa: FBT001
    out_dir: Path | None,
    config: Path,
    interrupt: bool,  # noqa: FBT001
) -> None:
    """Export made-up weights at Lite's widths in 4 bits, and report time, memory and size."""
    num_layers = None if full_size else SMALL_CUT
    folder = out_dir or full_size_folder(num_layers)
    if folder.exists():
        raise BenchError(f"{folder} is there already. Remove it, or name another with --to.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _place(folder, is_kept=keep) as place:
        arguments = _arguments(config, num_layers, folder.name)
        document = _measure(place, arguments, is_kept=keep)
        if interrupt:
            document["interruption"] = asdict(_interrupt(place, arguments))
    write_result(out, document)
    click.echo(json.dumps(document, indent=2))
    if interrupt and not document["interruption"]["same_hashes"]:
        sys.exit(1)


@contextmanager
def _place(folder: Path, *, is_kept: bool) -> Iterator[Path]:
    if is_kept:
        yield folder
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        yield Path(temporary) / folder.name


def _measure(folder: Path, arguments: Sequence[str], *, is_kept: bool) -> dict[str, Any]:
    started = time.perf_counter()
    _run(folder, arguments, "exporting", stop_after=None)
    seconds = time.perf_counter() - started
    found = ModelFolder.read(folder)
    return asdict(
        Report(
            parameters=found.manifest.source.num_parameters,
            precision=found.manifest.precision,
            peak_rss_bytes=peak_rss_bytes_of_children(),
            seconds=round(seconds, 1),
            output_bytes=sum(path.stat().st_size for path in folder.iterdir()),
            output_dir=str(folder) if is_kept else None,
        )
    )


def _interrupt(whole: Path, arguments: Sequence[str]) -> Interruption:
    """Export once more beside ``whole``, in two runs, and compare the files' sums."""
    size = (whole / "model.onnx.data").stat().st_size
    with tempfile.TemporaryDirectory(dir=whole.parent) as temporary:
        again = Path(temporary) / whole.name
        started = time.perf_counter()
        written = _run(again, arguments, "exporting until half way", stop_after=size // 2)
        if again.exists():
            raise BenchError("The export was complete before it could be interrupted.")
        broken_off = time.perf_counter()
        _run(again, arguments, "going on", stop_after=None)
        return Interruption(
            bytes_written=written,
            seconds_before=round(broken_off - started, 1),
            seconds_after=round(time.perf_counter() - broken_off, 1),
            same_hashes=_sums(again) == _sums(whole),
        )


def _sums(folder: Path) -> dict[str, str]:
    found = ModelFolder.read(folder)
    # The manifest says what the exporter summed while it wrote; this reads what lies on disk.
    found.verify_files()
    return {name: entry.sha256 for name, entry in found.manifest.files.items()}


def _run(folder: Path, arguments: Sequence[str], title: str, stop_after: int | None) -> int:
    """Run the exporter; end it when so many bytes are written. Returns the last size reported."""
    columns = (title, BarColumn(), DownloadColumn(), TimeElapsedColumn())
    reached = 0
    with (
        Progress(*columns, disable=not sys.stderr.isatty()) as bar,
        subprocess.Popen([*arguments, str(folder)], stdout=subprocess.PIPE, text=True) as child,
    ):
        assert child.stdout is not None
        task = bar.add_task(title)
        for line in child.stdout:
            told = json.loads(line)
            if told["phase"] == "error" and stop_after is None:
                raise BenchError(told["message"])
            if told["phase"] == "writing":
                reached = told["done"]
                bar.update(task, completed=reached, total=told["total"])
                if stop_after is not None and reached >= stop_after:
                    child.terminate()
                    # Whatever it still says belongs to its ending.
                    stop_after = sys.maxsize
    return reached


def _arguments(config: Path, num_layers: int | None, name: str) -> list[str]:
    embedded = ModelFolder.read(embedded_model_path())
    options = {
        "--random-weights": config,
        "--seed": _SEED,
        "--precision": _PRECISION,
        "--tokenizer": embedded.tokenizer_path,
        # So that what the model writes is text of that tokenizer.
        "--num-generable-ids": embedded.manifest.num_generable_ids,
        "--progress": "json",
        "--name": name,
    }
    if num_layers is not None:
        options["--layers"] = num_layers
    flat = [str(part) for pair in options.items() for part in pair]
    return [sys.executable, "-m", "onnx_export", *flat]
