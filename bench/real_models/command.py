"""``real-models``: fetches real models and exports them, for the measurements that need them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import platformdirs

from bench.errors import BenchError
from bench.real_models.packages import RealModel, fetch, known_models
from coder_lsp.errors import ModelFolderError
from coder_lsp.models.model_folder import ModelFolder

PRECISIONS = ("int8", "int4")
_STDERR = 2
"""The file descriptor: standard output is for what was done."""


@dataclass(frozen=True, slots=True)
class BuiltFolder:
    """A model folder; ``seconds`` is None if it was there already."""

    model: str
    precision: str
    recipe: str | None
    path: Path
    gguf_bytes: int
    folder_bytes: int
    seconds: float | None


@click.command()
@click.option("--only", help="Only the model of this name.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Default: a folder in the user's cache folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(only: str | None, folder: Path | None, *, as_json: bool) -> None:
    """Fetch the real models and export each in int8 and in int4.

    The packages and files take 1.6 GB to fetch, the folders about 5 GB on disk. Interrupted, the
    same command continues. What is measured with them is never part of the product or its tests.
    """
    models = [model for model in known_models() if only in {None, model.name}]
    if not models:
        names = ", ".join(model.name for model in known_models())
        raise click.UsageError(f"There is no real model {only!r}; there are {names}.")
    folder = folder or real_models_path()
    built = [entry for model in models for entry in build(model, folder)]
    if as_json:
        document = [{**asdict(entry), "path": str(entry.path)} for entry in built]
        click.echo(json.dumps(document, indent=2))
        return
    for entry in built:
        how = "was there" if entry.seconds is None else f"exported in {entry.seconds:.0f} s"
        click.echo(f"{entry.path}: {entry.folder_bytes / 1e6:.0f} MB, {how}")


def real_models_path() -> Path:
    """Return the folder of the real models."""
    return platformdirs.user_cache_path("coder-lsp") / "real"


def build(
    model: RealModel, folder: Path, precisions: Sequence[str] = PRECISIONS
) -> Iterator[BuiltFolder]:
    """Fetch a model and yield its folders, exported if they are not there yet."""
    gguf = fetch(model, folder, _tell)
    for precision in precisions:
        path = folder / f"{model.name}-{precision}"
        started = time.perf_counter()
        is_new = not _is_complete(path)
        if is_new:
            _tell(f"exporting {path.name}")
            _export(gguf, path, precision)
        seconds = time.perf_counter() - started if is_new else None
        found = ModelFolder.read(path)
        manifest = found.manifest
        if manifest.precision != precision:
            raise BenchError(
                f"{path} should be {precision} and is {manifest.precision}. Delete the folder."
            )
        yield BuiltFolder(
            model.name, precision, manifest.recipe, path, model.size, found.size, seconds
        )


def _is_complete(path: Path) -> bool:
    try:
        ModelFolder.read(path)
    except ModelFolderError:
        return False
    return True


def _export(gguf: Path, path: Path, precision: str) -> None:
    """Run the exporter as an installation does: another process, which can be continued."""
    arguments = [str(gguf), str(path), "--precision", precision]
    result = subprocess.run(
        [sys.executable, "-m", "onnx_export", *arguments], stdout=_STDERR, check=False
    )
    if result.returncode != 0:
        raise BenchError(
            f"The exporter ended with status {result.returncode}; its message is above."
        )


def _tell(text: str) -> None:
    click.echo(text, err=True)
