"""One installation from plan to model folder; the plan says all that a user agrees to."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coder_lsp.errors import InstallError, ModelFolderError
from coder_lsp.install.download import download
from coder_lsp.install.export_process import (
    ExportProgress,
    Precision,
    Target,
    check_export,
    run_export,
)
from coder_lsp.install.hub import Hub
from coder_lsp.install.inspection import Inspection
from coder_lsp.install.ollama import OllamaModel
from coder_lsp.install.repository import Repository
from coder_lsp.models.installed_models import (
    PARTIAL_SUFFIX,
    Origin,
    is_default_open,
    model_names,
    set_default_model,
)
from coder_lsp.models.model_folder import MANIFEST_NAME, ModelFolder
from coder_lsp.models.verified_files import verify_changed_files
from coder_lsp.paths import models_path, verified_path

_SPARE_BYTES = 512 << 20

OnProgress = Callable[[ExportProgress], None]
OpenHub = Callable[[], Hub]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be installed; ``source`` is as the user wrote it.

    None leaves the choice open: of ``precision`` what is best for the source, of ``revision`` the
    known commit or else ``main``, of ``name`` the source's own with the precision.
    """

    source: str
    precision: Precision | None
    target: Target
    revision: str | None = None
    name: str | None = None
    keep_download: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, before anything is.

    ``weights`` is the folder or file that the exporter reads. ``repository`` is None unless it is
    downloaded to ``download_folder`` first, and ``blob`` is None unless Ollama keeps the file.
    ``output_bytes`` is an estimate, ``download_bytes`` is what is still missing, and
    ``exported_bytes`` is what an interrupted export has left.
    """

    request: Request
    name: str
    model_folder: Path
    precision: Precision
    weights: Path
    origin: Origin
    license: str
    inspection: Inspection | None
    output_bytes: int
    exported_bytes: int
    notes: tuple[str, ...]
    repository: Repository | None = None
    revision: str = ""
    download_folder: Path | None = None
    download_bytes: int = 0
    blob: OllamaModel | None = None

    @property
    def needed_bytes(self) -> int:
        """Disk space for what is still to come."""
        missing = max(self.output_bytes - self.exported_bytes, 0)
        return self.download_bytes + missing + _SPARE_BYTES


@dataclass(frozen=True, slots=True)
class Installed:
    """What was installed; ``is_default`` if it became the default model."""

    folder: ModelFolder
    is_default: bool


def find_installed(
    source: str, version: str | None, precision: Precision | None, target: Target, name: str | None
) -> str | None:
    """Return the sound model that was made of a source in this way; None if there is none.

    ``version`` None, ``precision`` None and ``name`` None stand for any.
    """
    for installed in model_names() if name is None else (name,):
        folder = models_path() / installed
        origin = Origin.read(folder)
        if origin is None or origin.repository != source:
            continue
        if version is not None and origin.commit != version:
            continue
        try:
            manifest = _read_sound(folder).manifest
        except ModelFolderError:
            continue
        if manifest.target == target and _is_precision(manifest.precision, precision):
            return installed
    return None


def require_no_other(plan: Plan) -> None:
    """Raise ``InstallError`` if another model has the plan's name."""
    if not _is_exported(plan):
        return
    origin, removal = Origin.read(plan.model_folder), f"coder-lsp models --remove {plan.name}"
    try:
        manifest = _read_sound(plan.model_folder).manifest
    except ModelFolderError as exc:
        raise InstallError(
            f"There is a model {plan.name}, and it is damaged: {exc} Remove it with\n"
            f"    {removal}\nand run the same command again, or choose another name with --name."
        ) from exc
    is_same = manifest.target == plan.request.target and _is_precision(
        manifest.precision, plan.precision
    )
    # Without an origin it was exported by a run of this program that was then interrupted.
    if not is_same or origin not in {None, plan.origin}:
        made_of = "another source" if origin is None else f"{origin.repository} ({origin.commit})"
        raise InstallError(
            f"There is a model {plan.name} already, made of {made_of} in {manifest.precision} for "
            f"{manifest.target}. Asked for: {plan.origin.repository} ({plan.origin.commit}) in "
            f"{plan.precision} for {plan.request.target}. Choose another name with --name, or "
            f"remove the model with '{removal}' first."
        )


def carry_out(plan: Plan, hub: OpenHub, on_progress: OnProgress) -> Installed:
    """Download, export, tidy up; return what was installed. Raises ``InstallError``.

    If it is interrupted, a second call continues where it stopped.
    """
    if not _is_exported(plan):
        _require_space(plan)
        if plan.repository is not None:
            _download(plan, plan.repository, hub, on_progress)
        if plan.blob is not None:
            _verify(plan.blob, on_progress)
        run_export(plan.weights, plan.model_folder, _export_options(plan), on_progress)
    try:
        folder = ModelFolder.read(plan.model_folder)
        if plan.download_folder is not None and not plan.request.keep_download:
            _remove_download(plan.download_folder)
        # Last of all: until it is there, a second run tidies up.
        plan.origin.write(plan.model_folder)
    except (OSError, ModelFolderError) as exc:
        raise InstallError(
            f"{plan.model_folder} was exported, but cannot be used: {exc} Remove it with "
            f"'coder-lsp models --remove {plan.name}' and install it again."
        ) from exc
    return Installed(folder, _become_default(plan.name))


def exported_bytes(name: str) -> int:
    """Return what an interrupted export of a model has left."""
    folder = models_path() / f"{name}{PARTIAL_SUFFIX}"
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def _become_default(name: str) -> bool:
    """Make a model the default if there is none; return whether that was done."""
    if not is_default_open():
        return False
    try:
        set_default_model(name)
    except ModelFolderError:
        return False  # the model can be named in the settings all the same
    return True


def _is_precision(found: str, wanted: Precision | None) -> bool:
    # Blocks that are kept have the bits that they have.
    return wanted in {None, "keep", found}


def _is_exported(plan: Plan) -> bool:
    # The exporter moves a folder to its place when it is complete.
    return (plan.model_folder / MANIFEST_NAME).is_file()


def _read_sound(folder: Path) -> ModelFolder:
    """Return a model folder whose files are right. Raises ``ModelFolderError``."""
    model = ModelFolder.read(folder)
    verify_changed_files(model, verified_path())
    return model


def _require_space(plan: Plan) -> None:
    place = models_path()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < plan.needed_bytes:
        raise InstallError(
            f"{plan.needed_bytes / 1e9:.1f} GB are needed in {models_path().parent} "
            f"({plan.download_bytes / 1e9:.1f} to download, about {plan.output_bytes / 1e9:.1f} "
            f"for the model), and {free / 1e9:.1f} GB are free. Free some space, choose a smaller "
            "--precision, or let the environment variable CODER_LSP_DATA_DIR name another disk."
        )


def _download(plan: Plan, repository: Repository, hub: OpenHub, on_progress: OnProgress) -> None:
    folder = plan.download_folder
    assert folder is not None

    def report(num_bytes: int) -> None:
        on_progress(ExportProgress("downloading", num_bytes, repository.size, "bytes", None))

    if not all(file.name.endswith(".gguf") for file in repository.weights):
        # What the small files say may spare a user the large ones.
        download(hub, repository, plan.revision, folder, report, weights=False)
        check_export(plan.weights, plan.model_folder, _export_options(plan))
    download(hub, repository, plan.revision, folder, report)


def _verify(blob: OllamaModel, on_progress: OnProgress) -> None:
    blob.verify(
        lambda done: on_progress(ExportProgress("checking", done, blob.size, "bytes", None))
    )


def _export_options(plan: Plan) -> list[str]:
    options = ["--precision", plan.precision, "--name", plan.name, "--license", plan.license]
    if plan.request.target != "cpu":
        options += ["--target", plan.request.target]
    return options


def _remove_download(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    owner = folder.parent
    if owner.is_dir() and not any(owner.iterdir()):
        owner.rmdir()
