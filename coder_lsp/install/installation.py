"""One installation from plan to model folder; the plan tells all that a user agrees to."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from coder_lsp.errors import InstallError, ModelFolderError
from coder_lsp.install.download import (
    download,
    note_commit,
    num_missing_bytes,
    recorded_commit,
)
from coder_lsp.install.export_process import (
    ExportProgress,
    Precision,
    Target,
    check_export,
    require_exporter,
    run_export,
)
from coder_lsp.install.hub import Hub
from coder_lsp.install.repository import (
    DEFAULT_REVISION,
    PINNED_COMMITS,
    WEIGHTS_SUFFIX,
    Repository,
    check_id,
    notes_on,
)
from coder_lsp.models.installed_models import PARTIAL_SUFFIX, Origin
from coder_lsp.models.model_folder import MANIFEST_NAME, ModelFolder
from coder_lsp.paths import downloads_path, models_path

_BYTES_PER_STORED_WEIGHT = 2
"""Checkpoints of DeepSeek are stored in bf16."""
_BITS_PER_WEIGHT: dict[Precision, float] = {"int4": 5.0, "int8": 9.0, "fp16": 16.0, "fp32": 32.0}
"""With scales, and with what stays at a higher precision: rounded up, since disks fill up."""
_SPARE_BYTES = 512 << 20

OnProgress = Callable[[ExportProgress], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be installed: ``source`` is a repository's id or a folder's path.

    ``revision`` None means the known commit, else ``main``; ``name`` None the source's own with
    the precision.
    """

    source: str
    precision: Precision
    target: Target
    revision: str | None = None
    name: str | None = None
    keep_download: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, before anything is. ``repository`` is None for a local folder.

    ``output_bytes`` is an estimate from the weights' size, ``download_bytes`` what is missing yet,
    ``exported_bytes`` what an interrupted export has left to go on from.
    """

    request: Request
    name: str
    model_folder: Path
    checkpoint: Path
    repository: Repository | None
    revision: str
    license: str
    download_bytes: int
    output_bytes: int
    exported_bytes: int
    notes: tuple[str, ...]

    @property
    def needed_bytes(self) -> int:
        """Disk space for what is still to come."""
        missing = max(self.output_bytes - self.exported_bytes, 0)
        return self.download_bytes + missing + _SPARE_BYTES


def make_plan(request: Request, hub: Hub) -> Plan:
    """Look at the source and write nothing; a local one needs no network.

    Raises ``InstallError``.
    """
    local = Path(request.source).expanduser()
    is_here = local.is_dir()
    plan = _plan_folder(request, local, hub) if is_here else _plan_repository(request, hub)
    require_exporter()
    return plan


def carry_out(plan: Plan, hub: Hub, on_progress: OnProgress) -> ModelFolder:
    """Download, export, tidy up; return what was installed. Raises ``InstallError``.

    Interrupted at any point, it leaves what a second call goes on from.
    """
    if not _is_exported(plan):
        _require_space(plan)
        if plan.repository is not None:
            _download(plan, plan.repository, hub, on_progress)
        run_export(plan.checkpoint, plan.model_folder, _export_options(plan), on_progress)
    try:
        folder = ModelFolder.read(plan.model_folder)
        if plan.repository is not None:
            if not plan.request.keep_download:
                _remove_download(plan.checkpoint)
            # Last of all: until it is there, a second run tidies up.
            Origin(plan.repository.id, plan.repository.commit).write(plan.model_folder)
    except (OSError, ModelFolderError) as exc:
        raise InstallError(f"{plan.model_folder} was exported but is not right: {exc}") from exc
    return folder


def is_installed(plan: Plan) -> bool:
    """Whether nothing is left to do."""
    is_tidied = plan.repository is None or Origin.read(plan.model_folder) is not None
    return _is_exported(plan) and is_tidied


def _is_exported(plan: Plan) -> bool:
    # The exporter moves a folder to its place when it is complete.
    return (plan.model_folder / MANIFEST_NAME).is_file()


def _plan_repository(request: Request, hub: Hub) -> Plan:
    repository_id = check_id(request.source)
    revision = request.revision or PINNED_COMMITS.get(repository_id, DEFAULT_REVISION)
    checkpoint = downloads_path().joinpath(*repository_id.split("/"))
    commit = recorded_commit(checkpoint, revision)
    repository = hub.describe(repository_id, commit or revision)
    return _plan(
        request,
        repository.name,
        checkpoint,
        repository=repository,
        revision=revision,
        license_=repository.license,
        download_bytes=num_missing_bytes(repository, checkpoint),
        weight_bytes=sum(f.size for f in repository.files if f.name.endswith(WEIGHTS_SUFFIX)),
    )


def _plan_folder(request: Request, folder: Path, hub: Hub) -> Plan:
    if request.revision is not None:
        raise InstallError("--revision goes with a repository; a local folder has no revisions.")
    weights = sorted(folder.glob(f"*{WEIGHTS_SUFFIX}"))
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if not weights:
        missing.append("*.safetensors")
    if missing:
        raise InstallError(
            f"{folder} holds no {' and no '.join(missing)}. Name a Hugging Face folder with a "
            "checkpoint in safetensors."
        )
    return _plan(
        request,
        folder.resolve().name,
        folder,
        repository=None,
        revision="",
        license_=hub.license_of(folder),
        download_bytes=0,
        weight_bytes=sum(path.stat().st_size for path in weights),
    )


def _plan(
    request: Request,
    source_name: str,
    checkpoint: Path,
    *,
    repository: Repository | None,
    revision: str,
    license_: str,
    download_bytes: int,
    weight_bytes: int,
) -> Plan:
    name = request.name or f"{source_name}-{request.precision}"
    if Path(name).name != name or name.startswith(".") or name.endswith(PARTIAL_SUFFIX):
        raise InstallError(f"{name!r} cannot be a model's name: it becomes the name of a folder.")
    bits = _BITS_PER_WEIGHT[request.precision]
    return Plan(
        request=request,
        name=name,
        model_folder=models_path() / name,
        checkpoint=checkpoint,
        repository=repository,
        revision=revision,
        license=license_,
        download_bytes=download_bytes,
        output_bytes=int(weight_bytes / _BYTES_PER_STORED_WEIGHT * bits / 8),
        exported_bytes=_size_of(models_path() / f"{name}{PARTIAL_SUFFIX}"),
        notes=notes_on(source_name),
    )


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


def _download(plan: Plan, repository: Repository, hub: Hub, on_progress: OnProgress) -> None:
    def tell(num_bytes: int) -> None:
        on_progress(ExportProgress("downloading", num_bytes, repository.size, "bytes", None))

    try:
        note_commit(repository, plan.revision, plan.checkpoint)
    except OSError as exc:
        raise InstallError(f"{plan.checkpoint} cannot be written: {exc}. Permit it.") from exc
    # The weights come last: what the small files tell may spare a user the large ones.
    first = tuple(file for file in repository.files if not file.name.endswith(WEIGHTS_SUFFIX))
    download(hub, replace(repository, files=first), plan.revision, plan.checkpoint, tell)
    check_export(plan.checkpoint, plan.model_folder, _export_options(plan))
    download(hub, repository, plan.revision, plan.checkpoint, tell)


def _export_options(plan: Plan) -> list[str]:
    options = ["--precision", plan.request.precision, "--name", plan.name]
    if plan.request.target != "cpu":
        options += ["--target", plan.request.target]
    return options


def _size_of(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(path.stat().st_size for path in folder.iterdir())


def _remove_download(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint, ignore_errors=True)
    owner = checkpoint.parent
    if owner.is_dir() and not any(owner.iterdir()):
        owner.rmdir()
