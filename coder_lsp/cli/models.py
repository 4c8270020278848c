"""``coder-lsp models``: which models are installed, sound or damaged."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from coder_lsp.errors import ModelFolderError
from coder_lsp.models.installed_models import Origin, embedded_model_path, model_names
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.paths import models_path


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A place where a model should be: ``folder`` is None where ``error`` says what is wrong."""

    path: Path
    embedded: bool
    folder: ModelFolder | None
    error: str | None

    @property
    def name(self) -> str:
        """What the setting ``model`` calls it: its folder's name; the embedded one's is its own."""
        if self.embedded and self.folder is not None:
            return self.folder.manifest.name
        return self.path.name


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(*, as_json: bool) -> None:
    """List the installed models, each checked against its checksums."""
    models = find_models()
    if as_json:
        click.echo(json.dumps([_as_json(model) for model in models], indent=2))
        return
    for model in models:
        click.echo(_as_text(model))
    click.echo(
        f"Models are looked for in {models_path()}. The setting 'model' and --model take "
        "their names."
    )


def find_models() -> list[InstalledModel]:
    """Return the embedded model, then the user's by name; a damaged one carries its error."""
    return [
        read_model(embedded_model_path(), embedded=True),
        *(read_model(models_path() / name, embedded=False) for name in model_names()),
    ]


def read_model(path: Path, *, embedded: bool) -> InstalledModel:
    """Read a model folder and check every file's sha256; what is wrong becomes ``error``."""
    try:
        folder = ModelFolder.read(path)
        folder.verify_files()
    except ModelFolderError as exc:
        return InstalledModel(path, embedded, None, str(exc))
    return InstalledModel(path, embedded, folder, None)


def _as_json(model: InstalledModel) -> dict[str, object]:
    """Return the same keys for every model; what a damaged one does not tell is None."""
    folder = model.folder
    manifest = None if folder is None else folder.manifest
    source = None if manifest is None else manifest.source
    origin = Origin.read(model.path)
    return {
        "name": model.name,
        "path": str(model.path),
        "embedded": model.embedded,
        "error": model.error,
        "size_bytes": folder and folder.size,
        "license": source and source.license,
        "precision": manifest and manifest.precision,
        "source": source and source.model,
        "repository": origin and origin.repository,
        "commit": origin and origin.commit,
        "num_parameters": source and source.num_parameters,
        "num_active_parameters": source and source.num_active_parameters,
        "context_length": manifest and manifest.context_length,
    }


def _as_text(model: InstalledModel) -> str:
    title = f"{model.name} (embedded)" if model.embedded else model.name
    if model.folder is None:
        return f"{title}: DAMAGED\n  where      {model.path}\n  error      {model.error}\n"
    manifest = model.folder.manifest
    source = manifest.source
    origin = Origin.read(model.path)
    fetched = f"  fetched    {origin.repository} at {origin.commit}\n" if origin else ""
    return (
        f"{title}\n"
        f"  where      {model.path}\n"
        f"  size       {model.folder.size / 1e6:.1f} MB\n"
        f"  licence    {source.license}\n"
        f"  precision  {manifest.precision}\n"
        f"  source     {source.model}, {source.num_parameters / 1e6:.1f} million parameters, "
        f"{source.num_active_parameters / 1e6:.1f} million active\n"
        f"{fetched}"
    )
