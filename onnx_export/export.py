"""One export from start to end."""

from dataclasses import dataclass
from pathlib import Path

from onnx_export.config import ExportConfig
from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.errors import ConfigError
from onnx_export.graph_builder import ExportGraph
from onnx_export.llama_config import LlamaConfig
from onnx_export.model_folder import Description, write_model_folder
from onnx_export.model_types import KnownConfig
from onnx_export.models.deepseek_v2 import build_deepseek_v2
from onnx_export.models.llama import build_llama
from onnx_export.models.qwen2 import build_qwen2
from onnx_export.origin import Origin, says_instruct
from onnx_export.partial_folder import require_free
from onnx_export.progress import ReportProgress
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.qwen2_config import Qwen2Config
from onnx_export.source import HuggingFaceFolder, MadeUp, Source
from onnx_export.tokenizer_file import TokenizerFile
from onnx_export.weights import Weights

__all__ = ["HuggingFaceFolder", "Labels", "MadeUp", "check", "export"]

# What the graph's producer_version says; raised when exports change.
EXPORTER_VERSION = "3"


@dataclass(frozen=True, slots=True)
class Labels:
    """What the command line may say instead of what is found; None means: find it."""

    name: str | None = None
    license: str | None = None
    num_generable_ids: int | None = None
    tokenizer: Path | None = None


def export(
    source: Source,
    out_dir: Path,
    config: ExportConfig,
    labels: Labels,
    on_progress: ReportProgress,
) -> None:
    """Write the model folder ``out_dir``. Raises ``ExportError``; then ``out_dir`` is not there.

    If an export breaks off, what it wrote is kept beside ``out_dir`` (``partial_path``), and the
    same call continues there.
    """
    model, tokenizer, description = _read(source, out_dir, config, labels)
    with source.open_weights() as weights:
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


def check(source: Source, out_dir: Path, config: ExportConfig, labels: Labels) -> None:
    """Raise ``ExportError`` if an export would fail for a reason other than its weights."""
    _read(source, out_dir, config, labels)


def _read(
    source: Source, out_dir: Path, config: ExportConfig, labels: Labels
) -> tuple[KnownConfig, TokenizerFile, Description]:
    require_free(out_dir)
    model = source.read_config()
    config.resolve_context_length(model)
    if labels.tokenizer is None:
        tokenizer = source.read_tokenizer()
    else:
        tokenizer = TokenizerFile.read(labels.tokenizer)
    return model, tokenizer, _describe(source.origin, out_dir, model, tokenizer, labels)


def _build(model: KnownConfig, config: ExportConfig, weights: Weights) -> ExportGraph:
    plan = QuantizationPlan.of(config)
    length = config.resolve_context_length(model)
    match model:
        case DeepseekV2Config():
            return build_deepseek_v2(model, plan, weights, EXPORTER_VERSION)
        case LlamaConfig():
            return build_llama(model, plan, weights, length, EXPORTER_VERSION)
        case Qwen2Config():
            return build_qwen2(model, plan, weights, length, EXPORTER_VERSION)


def _describe(
    origin: Origin,
    out_dir: Path,
    model: KnownConfig,
    tokenizer: TokenizerFile,
    labels: Labels,
) -> Description:
    special = [i for i in (tokenizer.bos(model), tokenizer.eos(model)) if i is not None]
    known = max(tokenizer.num_text_ids, *(i + 1 for i in special))
    if known > model.vocab_size:
        raise ConfigError(
            f"{tokenizer.origin} uses ids up to {known - 1}, but the configuration sets vocab_size "
            f"to {model.vocab_size}. The two do not belong together."
        )
    num_generable_ids = known if labels.num_generable_ids is None else labels.num_generable_ids
    if not 1 <= num_generable_ids <= model.vocab_size:
        raise ConfigError(
            f"{num_generable_ids} ids cannot be generated from a vocabulary of {model.vocab_size}."
        )
    named_instruct = says_instruct([labels.name or ""])
    return Description(
        name=labels.name or out_dir.resolve().name,
        source_model=origin.name,
        license=labels.license or origin.license,
        num_generable_ids=num_generable_ids,
        is_instruct=named_instruct is True or origin.is_instruct(model, tokenizer),
    )
