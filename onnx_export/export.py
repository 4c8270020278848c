"""One export from start to end."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from onnx_export.checkpoint import Checkpoint
from onnx_export.config import CONFIG_NAME, ExportConfig
from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.errors import ConfigError
from onnx_export.graph_builder import ExportGraph
from onnx_export.llama_config import LlamaConfig
from onnx_export.model_folder import (
    Description,
    require_free,
    write_model_folder,
)
from onnx_export.model_types import KnownConfig, read_model_config
from onnx_export.models.deepseek_v2 import build_deepseek_v2
from onnx_export.models.llama import build_llama
from onnx_export.progress import ReportProgress
from onnx_export.quantization import QuantizationPlan
from onnx_export.random_weights import RandomWeights
from onnx_export.tokenizer_file import TOKENIZER_NAME, TokenizerFile
from onnx_export.weights import Weights

# What the graph's producer_version says; raised when exports change.
EXPORTER_VERSION = "2"


@dataclass(frozen=True, slots=True)
class HuggingFaceFolder:
    """Weights from a checkpoint."""

    path: Path

    @property
    def config_path(self) -> Path:
        """Where ``config.json`` lies."""
        return self.path / CONFIG_NAME


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Random weights for a ``config.json``, cut to ``num_layers`` unless that is None."""

    config_path: Path
    num_layers: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Labels:
    """What the command line may say instead of what is found; None means: find it."""

    name: str | None = None
    license: str | None = None
    num_generable_ids: int | None = None
    tokenizer: Path | None = None


def export(
    source: HuggingFaceFolder | MadeUp,
    out_dir: Path,
    config: ExportConfig,
    labels: Labels,
    on_progress: ReportProgress,
) -> None:
    """Write the model folder ``out_dir``. Raises ``ExportError``; then ``out_dir`` is not there.

    What was written so far lies beside it (``partial_path``), and the same call goes on from there.
    """
    model, tokenizer, description = _read(source, out_dir, config, labels)
    with _open_weights(source) as weights:
        graph = _build(model, config, weights)
        write_model_folder(
            out_dir,
            graph,
            weights.identity,
            model,
            config,
            tokenizer,
            description,
            on_progress,
        )


def check(
    source: HuggingFaceFolder | MadeUp, out_dir: Path, config: ExportConfig, labels: Labels
) -> None:
    """Raise ``ExportError`` where all but the weights already says that an export would fail."""
    _read(source, out_dir, config, labels)


def _read(
    source: HuggingFaceFolder | MadeUp, out_dir: Path, config: ExportConfig, labels: Labels
) -> tuple[KnownConfig, TokenizerFile, Description]:
    require_free(out_dir)
    model = read_model_config(source.config_path)
    if isinstance(source, MadeUp) and source.num_layers is not None:
        model = model.with_layers(source.num_layers)
    config.resolve_context_length(model)
    tokenizer = TokenizerFile.read(labels.tokenizer or source.config_path.with_name(TOKENIZER_NAME))
    return model, tokenizer, _describe(source, out_dir, model, tokenizer, labels)


def _build(model: KnownConfig, config: ExportConfig, weights: Weights) -> ExportGraph:
    plan = QuantizationPlan.of(config)
    match model:
        case DeepseekV2Config():
            return build_deepseek_v2(model, plan, weights, EXPORTER_VERSION)
        case LlamaConfig():
            length = config.resolve_context_length(model)
            return build_llama(model, plan, weights, length, EXPORTER_VERSION)


def _open_weights(
    source: HuggingFaceFolder | MadeUp,
) -> Checkpoint | nullcontext[RandomWeights]:
    if isinstance(source, MadeUp):
        return nullcontext(RandomWeights(source.seed))
    return Checkpoint(source.path)


def _describe(
    source: HuggingFaceFolder | MadeUp,
    out_dir: Path,
    model: KnownConfig,
    tokenizer: TokenizerFile,
    labels: Labels,
) -> Description:
    special = (model.bos_token_id, tokenizer.eos(model))
    known = max(tokenizer.num_text_ids, *(i + 1 for i in special))
    if known > model.vocab_size:
        raise ConfigError(
            f"{tokenizer.path} uses ids up to {known - 1}, but config.json sets vocab_size to "
            f"{model.vocab_size}. The two files do not belong together."
        )
    num_generable_ids = known if labels.num_generable_ids is None else labels.num_generable_ids
    if not 1 <= num_generable_ids <= model.vocab_size:
        raise ConfigError(
            f"{num_generable_ids} ids cannot be generated from a vocabulary of {model.vocab_size}."
        )
    if isinstance(source, MadeUp):
        found_name, found_license = f"random weights, seed {source.seed}", "none: random weights"
    else:
        found_name = source.path.resolve().name
        found_license = _front_matter_license(source.path / "README.md")
    return Description(
        name=labels.name or out_dir.resolve().name,
        source_model=found_name,
        license=labels.license or found_license,
        num_generable_ids=num_generable_ids,
    )


def _front_matter_license(readme: Path) -> str:
    """Return what a Hugging Face model card says between its first two lines of dashes."""
    unknown = "unknown"
    if not readme.is_file():
        return unknown
    lines = readme.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---":
        return unknown
    fields = dict[str, str]()
    for line in lines[1:]:
        if line.strip() == "---":
            break
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip().strip("\"'")
    # Cards with a licence of their own say "license: other" and name it in license_name.
    return fields.get("license_name") or fields.get("license") or unknown
