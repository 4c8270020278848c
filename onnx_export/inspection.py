"""What a source holds, read from its configuration and headers: no weight is read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from onnx_export.config import Precision
from onnx_export.errors import FimMissing, TokenizerError
from onnx_export.model_types import KnownConfig
from onnx_export.parameter_count import num_active_parameters, num_parameters
from onnx_export.source import Source, open_source


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known before an export. ``default_precision`` is used unless another is asked for.

    ``size_bytes`` are those of the weights in the source, None where they are not there yet.
    ``problem`` says why the model cannot be exported, None if nothing is known against it.
    """

    source: str
    format: str
    name: str
    license: str
    model_type: str
    num_parameters: int
    num_active_parameters: int
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    context_length: int
    cache_bytes_per_token: int
    size_bytes: int | None
    weight_types: dict[str, int]
    has_fim: bool
    is_instruct: bool
    default_precision: Precision
    problem: str | None


def inspect(path: Path) -> Inspection:
    """Read what a source says of itself.

    Raises ``ExportError`` for a source that no export could read. If only the tokenizer cannot be
    used, ``problem`` says why.
    """
    source = open_source(path)
    model = source.read_config()
    has_fim, is_instruct, problem = _of_tokenizer(source, model)
    origin = source.origin
    return Inspection(
        source=str(path),
        format=source.format,
        name=origin.name,
        license=origin.license,
        model_type=model.model_type,
        num_parameters=num_parameters(model),
        num_active_parameters=num_active_parameters(model),
        vocab_size=model.vocab_size,
        hidden_size=model.hidden_size,
        intermediate_size=model.intermediate_size,
        num_hidden_layers=model.num_hidden_layers,
        num_attention_heads=model.num_attention_heads,
        context_length=model.max_position_embeddings,
        cache_bytes_per_token=model.cache_values_per_token * 4,
        size_bytes=source.size,
        weight_types=source.weight_types,
        has_fim=has_fim,
        is_instruct=is_instruct,
        default_precision=source.default_precision,
        problem=problem,
    )


def tell(inspection: Inspection, *, as_json: bool) -> str:
    """Return an inspection as one JSON object, or as a line for each field."""
    fields = asdict(inspection)
    if as_json:
        return json.dumps(fields)
    return "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in fields.items())


def _of_tokenizer(source: Source, model: KnownConfig) -> tuple[bool, bool, str | None]:
    try:
        tokenizer = source.read_tokenizer()
    except TokenizerError as exc:
        return not isinstance(exc, FimMissing), source.origin.says_instruct is True, str(exc)
    return True, source.origin.is_instruct(model, tokenizer), None
