"""Ollama's folder: manifests that name their layers by digest, and the blobs that hold them.

Nothing is asked of Ollama itself: it need not run, nor be installed any more.
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coder_lsp.errors import FormatError, InstallError
from coder_lsp.install.repository import UNKNOWN_LICENSE, plain_license
from coder_lsp.json_input import read_json
from coder_lsp.paths import expanded, is_file_name

_MODEL_LAYER = "application/vnd.ollama.image.model"
_LICENSE_LAYER = "application/vnd.ollama.image.license"
_PROJECTOR_LAYER = "application/vnd.ollama.image.projector"
_DIGEST = re.compile("sha256:([0-9a-f]{64})")
_DEFAULT_REGISTRY = "registry.ollama.ai"
_DEFAULT_NAMESPACE = "library"
_MAX_MANIFEST_BYTES = 4 << 20
_MAX_LICENSE_BYTES = 1 << 16
_MAX_MODELS = 1000
_READ_BYTES = 1 << 20

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model in Ollama's folder. ``name`` is what ``ollama list`` calls it.

    ``blob`` is the GGUF file with the sha256 ``digest`` and ``size`` bytes by the manifest.
    """

    name: str
    blob: Path
    digest: str
    size: int
    license: str

    def require_whole(self) -> None:
        """Raise ``InstallError`` if the blob is missing or has another size."""
        again = f"Run 'ollama pull {self.name}' to fetch it again."
        try:
            size = self.blob.stat().st_size if self.blob.is_file() else None
        except OSError as exc:
            raise InstallError(f"{self.blob} cannot be read: {exc}. {again}") from exc
        if size is None:
            is_partial = any(self.blob.parent.glob(f"{self.blob.name}-partial*"))
            state = "is there only in part, as its download stopped" if is_partial else "is missing"
            raise InstallError(f"{self.name}: its blob {self.blob} {state}. {again}")
        if size != self.size:
            raise InstallError(
                f"{self.name}: its blob {self.blob} should have {self.size} bytes and has {size}. "
                f"{again}"
            )

    def verify(self, on_bytes: OnBytes) -> None:
        """Check the blob's digest; ``on_bytes`` gets the progress. Raises ``InstallError``."""
        self.require_whole()
        found, done = hashlib.sha256(), 0
        try:
            with self.blob.open("rb") as content:
                while chunk := content.read(_READ_BYTES):
                    found.update(chunk)
                    done += len(chunk)
                    on_bytes(done)
        except OSError as exc:
            raise InstallError(f"{self.blob} cannot be read: {exc}. See to the disk.") from exc
        if found.hexdigest() != self.digest:
            raise InstallError(
                f"{self.name}: its blob {self.blob} is damaged: its sha256 is "
                f"{found.hexdigest()}. Run 'ollama rm {self.name}' and 'ollama pull {self.name}' "
                "to fetch it again."
            )


def ollama_folders() -> tuple[Path, ...]:
    """Return the folders in which Ollama may keep models; they need not exist."""
    named = os.environ.get("OLLAMA_MODELS")
    if named:
        return (expanded(named),)
    folders = [Path.home() / ".ollama" / "models"]
    if sys.platform == "linux":
        folders.append(Path("/usr/share/ollama/.ollama/models"))  # of the service
    return tuple(folders)


def find_ollama_model(name: str) -> OllamaModel:
    """Return the model called ``NAME:TAG``. Raises ``InstallError`` if it cannot be used."""
    relative = _manifest_path(name)
    folders = ollama_folders()
    for folder in folders:
        manifest = folder / "manifests" / relative
        try:
            exists = manifest.is_file()
        except OSError as exc:
            raise InstallError(f"{manifest} cannot be read: {exc}. Permit it.") from exc
        if exists:
            return _read_manifest(folder, manifest, name)
    places = " or ".join(map(str, folders))
    raise InstallError(
        f"Ollama has no model {name} in {places}. Fetch it with\n    ollama pull {name}\nand run "
        "the same command again. 'coder-lsp models --found' lists what is there."
    )


def ollama_models() -> Iterator[OllamaModel | InstallError]:
    """Yield every model that is there; what cannot be used is yielded as its error."""
    for folder in ollama_folders():
        manifests = folder / "manifests"
        # REGISTRY/NAMESPACE/NAME/TAG, and no other depth.
        paths = _entries(manifests, depth=4)
        for path in sorted(paths)[:_MAX_MODELS]:
            name = _shown_name(path.relative_to(manifests).parts)
            try:
                yield _read_manifest(folder, path, name)
            except InstallError as exc:
                yield exc


def _entries(folder: Path, depth: int) -> list[Path]:
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    if depth == 1:
        return [path for path in paths if path.is_file()]
    return [entry for path in paths if path.is_dir() for entry in _entries(path, depth - 1)]


def _manifest_path(name: str) -> Path:
    parts, _, tag = name.rpartition(":")
    names = parts.split("/")
    if len(names) == 1:
        names = [_DEFAULT_REGISTRY, _DEFAULT_NAMESPACE, *names]
    elif len(names) == 2:  # noqa: PLR2004 (a namespace and a name)
        names = [_DEFAULT_REGISTRY, *names]
    path = [*names, tag]
    # Ports of registries are the one colon that Ollama itself allows in a folder's name.
    if len(path) != 4 or not all(is_file_name(part.replace(":", "")) for part in path):  # noqa: PLR2004
        raise InstallError(f"{name!r} is no model of Ollama: expected NAME:TAG, as in its list.")
    return Path(*path)


def _shown_name(parts: tuple[str, ...]) -> str:
    registry, namespace, name, tag = parts
    if registry == _DEFAULT_REGISTRY:
        return f"{name}:{tag}" if namespace == _DEFAULT_NAMESPACE else f"{namespace}/{name}:{tag}"
    return f"{registry}/{namespace}/{name}:{tag}"


def _read_manifest(folder: Path, manifest: Path, name: str) -> OllamaModel:
    try:
        if manifest.stat().st_size > _MAX_MANIFEST_BYTES:
            raise InstallError(f"{manifest} is too large for a manifest of Ollama.")
        document = read_json(manifest)
    except (OSError, FormatError) as exc:
        raise InstallError(
            f"The manifest of {name} cannot be read ({exc}) Run 'ollama pull {name}' again."
        ) from exc
    found = document.get("layers") if isinstance(document, dict) else None
    layers = found if isinstance(found, list) else []
    models = [layer for layer in layers if _kind(layer) == _MODEL_LAYER]
    if len(models) != 1:
        raise InstallError(
            f"{manifest} names {len(models)} model layers, expected one. It is damaged or of a "
            f"kind that cannot complete code. Run 'ollama pull {name}' again, or choose another."
        )
    if any(_kind(layer) == _PROJECTOR_LAYER for layer in layers):
        raise InstallError(f"{name} is a model for pictures. Choose one for code.")
    digest, size = _digest(models[0], manifest), models[0].get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise InstallError(f"{manifest}: the model's layer has the size {size!r}, which cannot be.")
    return OllamaModel(name, _blob(folder, digest), digest, size, _license(folder, layers))


def _kind(layer: Any) -> object:
    return layer.get("mediaType") if isinstance(layer, dict) else None


def _digest(layer: Any, manifest: Path) -> str:
    match = _DIGEST.fullmatch(str(layer.get("digest")))
    if match is None:
        raise InstallError(
            f"{manifest}: a layer has the digest {str(layer.get('digest'))[:80]!r}, expected "
            "sha256:… with 64 digits."
        )
    return match[1]


def _blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / f"sha256-{digest}"


def _license(folder: Path, layers: list[Any]) -> str:
    """Return the first line of the licence's text that has letters."""
    for layer in layers:
        match = _DIGEST.fullmatch(str(layer.get("digest"))) if isinstance(layer, dict) else None
        if match is None or _kind(layer) != _LICENSE_LAYER:
            continue
        try:
            with _blob(folder, match[1]).open("rb") as file:
                text = file.read(_MAX_LICENSE_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
        lines = (line.strip() for line in text.splitlines())
        return next((plain_license(line) for line in lines if line), UNKNOWN_LICENSE)
    return UNKNOWN_LICENSE
