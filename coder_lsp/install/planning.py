"""From a source that a user named to the plan of its installation; nothing is written."""

import re
from dataclasses import dataclass
from pathlib import Path

from coder_lsp.errors import InstallError
from coder_lsp.install.catalogue import base_of
from coder_lsp.install.download import is_complete, num_missing_bytes, recorded_download
from coder_lsp.install.inspection import Inspection, inspect
from coder_lsp.install.installation import (
    OpenHub,
    Plan,
    Request,
    exported_bytes,
    find_installed,
    require_no_other,
)
from coder_lsp.install.naming import check_name, model_name, name_of_path
from coder_lsp.install.ollama import OllamaModel, find_ollama_model
from coder_lsp.install.peek import peeked
from coder_lsp.install.repository import (
    DEFAULT_REVISION,
    PINNED_COMMITS,
    UNKNOWN_LICENSE,
    WEIGHTS_SUFFIX,
    Repository,
    part_names,
    plain_license,
)
from coder_lsp.install.sizes import installed_bytes
from coder_lsp.install.sources import HubSource, LocalSource, OllamaSource, parse_source
from coder_lsp.models.installed_models import Origin
from coder_lsp.paths import downloads_path, models_path

_INSTRUCT_NOTE = (
    "This is an instruct model: it was trained further to answer in a chat, and users of other "
    "programs report chat where a completion should be. For completion take the base model"
)


def make_plan(request: Request, hub: OpenHub) -> Plan | str:
    """Look at the source; return what would be done, or the name of what is installed already.

    ``hub`` is called only if a repository must be asked for what is not on this machine.
    Raises ``InstallError``.
    """
    if request.name is not None:
        check_name(request.name)
    source = parse_source(request.source)
    if request.revision is not None and not isinstance(source, HubSource):
        raise InstallError("--revision goes with a repository only; nothing else has revisions.")
    match source:
        case LocalSource(path):
            return _plan_local(request, path)
        case OllamaSource(model):
            return _plan_ollama(request, find_ollama_model(model))
        case HubSource():
            return _plan_hub(request, source, hub)


def _plan_local(request: Request, path: Path) -> Plan | str:
    origin = Origin(_words(str(path)), _version(path))
    installed = _installed(request, origin.repository, origin.commit)
    return installed or _plan(
        request, name_of_path(path), origin, path, inspect(path), UNKNOWN_LICENSE
    )


def _plan_ollama(request: Request, model: OllamaModel) -> Plan | str:
    origin = Origin(f"ollama:{model.name}", model.digest)
    installed = _installed(request, origin.repository, origin.commit)
    if installed is not None:
        return installed
    model.require_whole()
    found = inspect(model.blob)
    return _plan(request, model.name, origin, model.blob, found, model.license, blob=model)


def _plan_hub(request: Request, source: HubSource, hub: OpenHub) -> Plan | str:
    pinned = PINNED_COMMITS.get(source.repository, DEFAULT_REVISION)
    revision = request.revision or pinned
    folder = downloads_path().joinpath(*source.repository.split("/"))
    if source.file is not None:
        folder /= re.sub(r"[^\w.-]", "-", source.file)
    # Without a revision any commit will do, and the hub need not be asked.
    installed = _installed(request, str(source), request.revision)
    if installed is not None:
        return installed
    recorded = recorded_download(folder, revision)
    if recorded is not None and is_complete(recorded, folder):
        repository, found = recorded, inspect(_weights(source, folder))
    else:
        commit = revision if recorded is None else recorded.commit
        repository = hub().describe(source.repository, commit, source.file)
        installed = _installed(request, str(source), repository.commit)
        if installed is not None:
            return installed
        name = source.repository.rpartition("/")[2]
        with peeked(hub(), repository, name) as small:
            found = inspect(_weights(source, small))
    name = source.repository.rpartition("/")[2]
    return _plan(
        request,
        name if source.file is None else name_of_path(Path(source.file.rpartition("/")[2])),
        Origin(str(source), repository.commit),
        _weights(source, folder),
        found,
        repository.license,
        download=_Download(repository, revision, folder),
    )


@dataclass(frozen=True, slots=True)
class _Download:
    repository: Repository
    revision: str
    folder: Path


def _plan(
    request: Request,
    source_name: str,
    origin: Origin,
    weights: Path,
    found: Inspection,
    license_: str,
    *,
    download: _Download | None = None,
    blob: OllamaModel | None = None,
) -> Plan:
    if found.problem is not None:
        raise InstallError(found.problem)
    precision = request.precision or found.default_precision
    name = request.name or model_name(source_name, precision, request.target)
    tables = 2 * found.vocab_size * found.hidden_size
    plan = Plan(
        request=request,
        name=name,
        model_folder=models_path() / name,
        precision=precision,
        weights=weights,
        origin=origin,
        license=plain_license(found.license) if license_ == UNKNOWN_LICENSE else license_,
        inspection=found,
        output_bytes=installed_bytes(found.num_parameters, tables, precision),
        exported_bytes=exported_bytes(name),
        notes=_notes(found, source_name),
        repository=None if download is None else download.repository,
        revision="" if download is None else download.revision,
        download_folder=None if download is None else download.folder,
        download_bytes=0
        if download is None
        else num_missing_bytes(download.repository, download.folder),
        blob=blob,
    )
    require_no_other(plan)
    return plan


def _installed(request: Request, source: str, version: str | None) -> str | None:
    return find_installed(source, version, request.precision, request.target, request.name)


def _notes(found: Inspection, source_name: str) -> tuple[str, ...]:
    if not found.is_instruct:
        return ()
    base = base_of(source_name) or base_of(found.name)
    command = " of the same name." if base is None else f":\n    coder-lsp install {base}"
    return (_INSTRUCT_NOTE + command,)


def _weights(source: HubSource, folder: Path) -> Path:
    if source.file is None:
        return folder
    return folder / part_names(source.file)[0].rpartition("/")[2]


def _version(path: Path) -> str:
    """Return a text that changes when a file, or the weights in a folder, change."""
    try:
        files = [path] if path.is_file() else sorted(path.glob(f"*{WEIGHTS_SUFFIX}"))
        stats = [file.stat() for file in files]
    except OSError as exc:
        raise InstallError(f"{path} cannot be read: {exc}. Permit it.") from exc
    size = sum(status.st_size for status in stats)
    modified = max((status.st_mtime_ns for status in stats), default=0)
    return f"{size} bytes of {modified}"


def _words(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
