"""``coder-lsp models``: the installed models, and which of them is the default."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from coder_lsp.cli.found_models import show_found_models
from coder_lsp.cli.output import say
from coder_lsp.errors import ModelFolderError
from coder_lsp.models.installed_models import (
    Origin,
    default_model,
    embedded_model_path,
    model_names,
    remove_model,
    set_default_model,
)
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.models.verified_files import verify_changed_files
from coder_lsp.paths import models_path, verified_path


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
@click.option("--verify", is_flag=True, help="Check every byte, also of files that did not change.")
@click.option("--use", metavar="NAME|embedded", help="Make this model the default.")
@click.option("--remove", metavar="NAME", help="Delete this model.")
@click.option("--found", is_flag=True, help="List models of other programs on this machine.")
def command(
    *, as_json: bool, verify: bool, use: str | None, remove: str | None, found: bool
) -> None:
    """List the installed models, and choose or delete one.

    The default model completes wherever neither the setting 'model' nor --model names another one.
    The first model that is installed becomes the default.
    """
    if sum([use is not None, remove is not None, found]) > 1:
        raise click.UsageError("Choose one of --use, --remove and --found.")
    if use is not None:
        set_default_model(use)
        say(f"The default model is now {use}. {_TAKEN_UP}")
    elif remove is not None:
        _remove(remove)
    elif found:
        show_found_models(as_json=as_json)
    else:
        _list(find_models(verify=verify), as_json=as_json)


_TAKEN_UP = "A running server takes it when it loads its model the next time."


def find_models(*, verify: bool) -> list[InstalledModel]:
    """Return the embedded model, then the user's by name; a damaged one carries its error."""
    return [
        read_model(embedded_model_path(), embedded=True, verify=verify),
        *(
            read_model(models_path() / name, embedded=False, verify=verify)
            for name in model_names()
        ),
    ]


def read_model(path: Path, *, embedded: bool, verify: bool) -> InstalledModel:
    """Read a model folder and check its files; what is wrong becomes ``error``.

    Without ``verify`` the sha256 of a file is computed only if the file has changed since it was
    right: a model may have ten gigabytes, and editors wait for the list.
    """
    try:
        folder = ModelFolder.read(path)
        if verify:
            folder.verify_files()
        else:
            verify_changed_files(folder, verified_path())
    except ModelFolderError as exc:
        return InstalledModel(path, embedded, None, str(exc))
    return InstalledModel(path, embedded, folder, None)


def _remove(name: str) -> None:
    was_default = default_model() == name
    remove_model(name)
    now = " The embedded model is the default now." if was_default else ""
    say(f"Removed {name}.{now}")


def _list(models: list[InstalledModel], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_as_json(model) for model in models], indent=2))
        return
    for model in models:
        say(_as_text(model))
    click.echo(
        f"Installed models are in {models_path()}. The setting 'model' and --model take their "
        "names. 'coder-lsp install' shows what else can be installed."
    )


def _is_default(model: InstalledModel) -> bool:
    name = default_model()
    return model.embedded if name is None else not model.embedded and model.path.name == name


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
        "is_default": _is_default(model),
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
    title += ", the default" if _is_default(model) else ""
    if model.folder is None:
        return f"{title}: DAMAGED\n  where      {model.path}\n  error      {model.error}\n"
    manifest = model.folder.manifest
    source = manifest.source
    origin = Origin.read(model.path)
    made_from = f"  made from  {origin.repository}\n" if origin else ""
    return (
        f"{title}\n"
        f"  where      {model.path}\n"
        f"  size       {model.folder.size / 1e6:.1f} MB\n"
        f"  licence    {source.license}\n"
        f"  precision  {manifest.precision}\n"
        f"  source     {source.model}, {source.num_parameters / 1e6:.1f} million parameters, "
        f"{source.num_active_parameters / 1e6:.1f} million active\n"
        f"{made_from}"
    )
