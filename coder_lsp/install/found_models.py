"""Models that other programs keep on this machine, and what each would become here.

Looked through are the folders of Ollama, LM Studio, llama.cpp and the hub's library.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coder_lsp.errors import InstallError
from coder_lsp.install.inspection import Inspection, inspect
from coder_lsp.install.naming import model_name, name_of_path
from coder_lsp.install.ollama import OllamaModel, ollama_models
from coder_lsp.install.repository import WEIGHTS_SUFFIX, is_first_part, part_names, plain_license
from coder_lsp.install.sizes import installed_bytes
from coder_lsp.paths import expanded

_MAX_DEPTH = 4
_MAX_FILES = 500
_MAX_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model in the folder of the program ``where``; ``source`` is what ``install`` takes.

    ``license`` is what that program knows of it. ``problem`` says why it cannot be used.
    """

    where: str
    name: str
    source: str
    path: Path | None
    size: int
    license: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A candidate, what the exporter finds in it, and the name that it would get here."""

    candidate: Candidate
    inspection: Inspection | None
    becomes: str | None
    installed_bytes: int | None
    problem: str | None


def find_candidates() -> Iterator[Candidate]:
    """Yield what the folders of other programs hold. Of their files only manifests are opened."""
    yield from map(_of_ollama, ollama_models())
    for where, folder in _gguf_folders():
        for path in _gguf_files(folder):
            yield Candidate(where, name_of_path(path), str(path), path, _size(path), "unknown")
    yield from _of_hub_cache()


def examine(candidate: Candidate) -> FoundModel:
    """Have the exporter look at a candidate's header; what speaks against it is ``problem``."""
    if candidate.path is None or candidate.problem is not None:
        return FoundModel(candidate, None, None, None, candidate.problem)
    try:
        found = inspect(candidate.path)
        name = model_name(candidate.name, found.default_precision, "cpu")
    except InstallError as exc:
        return FoundModel(candidate, None, None, None, str(exc))
    if found.problem is not None:
        return FoundModel(candidate, found, None, None, found.problem)
    tables = 2 * found.vocab_size * found.hidden_size
    size = installed_bytes(found.num_parameters, tables, found.default_precision)
    return FoundModel(candidate, found, name, size, None)


def license_of(found: FoundModel) -> str:
    """Return the licence that the other program knows, or else the one that the model names."""
    if found.candidate.license != "unknown" or found.inspection is None:
        return found.candidate.license
    return plain_license(found.inspection.license)


def _of_ollama(found: OllamaModel | InstallError) -> Candidate:
    if isinstance(found, InstallError):
        return Candidate("Ollama", "unusable", "", None, 0, "unknown", str(found))
    problem = None
    try:
        found.require_whole()
    except InstallError as exc:
        problem = str(exc)
    source = f"ollama:{found.name}"
    return Candidate("Ollama", found.name, source, found.blob, found.size, found.license, problem)


def _gguf_folders() -> Iterator[tuple[str, Path]]:
    home = Path.home()
    yield "LM Studio", home / ".lmstudio" / "models"
    yield "LM Studio", home / ".cache" / "lm-studio" / "models"
    yield "llama.cpp", _named("LLAMA_CACHE") or _user_cache() / "llama.cpp"


def _user_cache() -> Path:
    """Return the folder that llama.cpp takes for the user's cache."""
    if sys.platform == "win32":
        return _named("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return _named("XDG_CACHE_HOME") or Path.home() / ".cache"


def _named(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return expanded(value) if value else None


def _gguf_files(folder: Path) -> list[Path]:
    """Return the GGUF files that stand for models, sorted; of a split one its first part."""
    found = list[Path]()
    for directory, _, names in _walk(folder):
        # What goes with a model that also reads pictures is named mmproj.
        is_model = (name for name in names if is_first_part(name) and "mmproj" not in name.lower())
        found += (directory / name for name in is_model)
        if len(found) >= _MAX_FILES:
            break
    return sorted(path for path in found if path.is_file())[:_MAX_FILES]


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Walk a folder to a limited depth; links to folders are not followed."""
    num_entries = 0
    for directory, folders, names in os.walk(folder):
        num_entries += len(folders) + len(names)
        if num_entries > _MAX_ENTRIES:
            return
        if len(Path(directory).relative_to(folder).parts) >= _MAX_DEPTH:
            folders.clear()
        folders.sort()
        yield Path(directory), folders, names


def _of_hub_cache() -> Iterator[Candidate]:
    """Yield the GGUF files and checkpoints in the snapshots of the hub's library."""
    home = _named("HF_HOME") or (_named("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    cache = _named("HF_HUB_CACHE") or home / "hub"
    for snapshot in sorted(cache.glob("models--*--*/snapshots/*"))[:_MAX_FILES]:
        for path in _gguf_files(snapshot):
            name = name_of_path(path)
            yield Candidate("hub's cache", name, str(path), path, _size(path), "unknown")
        weights = list(snapshot.glob(f"*{WEIGHTS_SUFFIX}"))
        if weights and (snapshot / "config.json").is_file():
            size = sum(path.stat().st_size for path in weights if path.is_file())
            name = name_of_path(snapshot)
            yield Candidate("hub's cache", name, str(snapshot), snapshot, size, "unknown")


def _size(path: Path) -> int:
    """Return the bytes of a model's file, or of all its parts."""
    try:
        parts = [path.with_name(name) for name in part_names(path.name)]
        return sum(part.stat().st_size for part in parts if part.is_file())
    except (InstallError, OSError):
        return 0
