"""The GGUF of the weights that we run ourselves, made when there is none yet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bench.errors import PeerError
from bench.peers import PeerModel
from onnx_export.checkpoint import Checkpoint
from onnx_export.config import CONFIG_NAME
from onnx_export.deepseek_v2_config import read_deepseek_v2_config
from testing.cache_folder import cache_folder
from testing.errors import InstallationError
from testing.mini_weights import mini_hf_folder

if TYPE_CHECKING:
    from pathlib import Path

    from bench.gguf import GgufType
    from coder_lsp.models.model_folder import Manifest

_GGUF_TYPES: dict[str, GgufType] = {"fp32": "f32", "int8": "q8_0"}
_WEIGHTS = "model.safetensors"


def peer_model(manifest: Manifest, named: Path | None) -> PeerModel:
    """Return the peer's model: the named file, or mini converted. Raises ``PeerError``."""
    if named is not None:
        if not named.is_file():
            raise PeerError(f"There is no GGUF at {named}; write one with python -m bench gguf.")
        return PeerModel(named.resolve(), _precision_of(named))
    kind = _GGUF_TYPES.get(manifest.precision)
    if manifest.source.model != "mini" or kind is None:
        raise PeerError(
            f"The peer needs the weights of {manifest.name} ({manifest.precision}) as GGUF: write "
            "them with python -m bench gguf and name the file with --peer-model."
        )
    try:
        folder = mini_hf_folder()
    except InstallationError as exc:
        raise PeerError(f"The peer needs mini's weights. {exc}") from exc
    return PeerModel(_converted(folder, kind), kind)


def _converted(folder: Path, kind: GgufType) -> Path:
    # Imported here because it needs gguf, which only the extra bench brings.
    from bench.gguf import write_gguf  # noqa: PLC0415

    with (folder / _WEIGHTS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    path = cache_folder() / "peers" / f"mini-{digest}-{kind}.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with Checkpoint(folder) as weights:
            config = read_deepseek_v2_config(folder / CONFIG_NAME)
            tokenizer = folder / "tokenizer.json"
            write_gguf(partial, "mini", config, weights, tokenizer, kind)
        partial.replace(path)
    return path


def _precision_of(path: Path) -> str:
    """Return what a file's name says of how its weights are stored, such as q8_0."""
    return path.stem.rpartition("-")[2].lower()
