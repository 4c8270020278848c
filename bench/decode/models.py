"""The models that are measured: a folder that is there, or Lite's widths with made-up weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from coder_lsp.models.installed_models import embedded_model_path
from onnx_export.config import ExportConfig
from onnx_export.deepseek_v2_config import read_deepseek_v2_config
from onnx_export.errors import ExportError
from onnx_export.export import Labels, MadeUp, export
from onnx_export.random_weights import RandomWeights
from testing.cache_folder import cache_folder

LITE_CONFIG = Path(__file__).parent.parent / "lite_config.json"
SMALL_CUT = 2
"""Layers of the cut that is taken off another one: the first layer, and one with experts."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """The same weights for both sides; ``peer`` is None where nobody asked for it."""

    ours: Path
    peer: Path | None


def full_size_folder(num_layers: int | None) -> Path:
    """Return where a model of Lite's widths lies, or will lie once it has been made."""
    layers = "full" if num_layers is None else f"{num_layers}-layers"
    return cache_folder() / "bench" / f"lite-{layers}-int4"


def made_up_lite(num_layers: int | None, *, with_peer: bool, tell: Callable[[str], None]) -> Pair:
    """Return a cut of Lite with made-up weights, in 4 bits; made when there is none yet."""
    ours = full_size_folder(num_layers)
    if not ours.exists():
        tell(f"making {ours}")
        labels = Labels(name=ours.name, tokenizer=_tokenizer())
        source = MadeUp(LITE_CONFIG, num_layers=num_layers, seed=_SEED)
        try:
            export(source, ours, ExportConfig("int4", scale_search=False), labels, lambda *_: None)
        except ExportError as exc:
            raise BenchError(str(exc)) from exc
    return Pair(ours, _peer_file(ours, num_layers, tell) if with_peer else None)


def _peer_file(ours: Path, num_layers: int | None, tell: Callable[[str], None]) -> Path:
    # Imported here because it needs gguf, which only the extra bench brings.
    from bench.gguf import write_gguf  # noqa: PLC0415

    path = ours.with_name(f"{ours.name.removesuffix('-int4')}-q4_0.gguf")
    if path.exists():
        return path
    tell(f"making {path}")
    config = read_deepseek_v2_config(LITE_CONFIG)
    if num_layers is not None:
        config = config.with_layers(num_layers)
    partial = path.with_suffix(".partial")
    write_gguf(partial, path.stem, config, RandomWeights(_SEED), _tokenizer(), "q4_0")
    return partial.replace(path)


def _tokenizer() -> Path:
    return embedded_model_path() / "tokenizer.json"
