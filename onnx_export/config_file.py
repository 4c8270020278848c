"""Reading ``config.json`` field by field, with refusals that name the field.

The file has two spellings of rotary embeddings: ``rope_theta`` beside ``rope_scaling`` (the
original files) and ``rope_parameters`` (transformers 5). Both are read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from onnx_export.config import ModelConfig
from onnx_export.errors import ConfigError

_Value = TypeVar("_Value", int, float, bool)


def field(
    document: Mapping[str, Any], name: str, kind: type[_Value], default: _Value | None = None
) -> _Value:
    """Return a field; null means that it is absent. Raises ``ConfigError``."""
    value = document.get(name)
    if value is None:
        if default is None:
            raise ConfigError(f"config.json: the field {name} is missing.")
        return default
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"config.json: {name} must be of type {kind.__name__}, found {value!r}.")
    return kind(value)


def token_id(document: Mapping[str, Any], name: str) -> int | None:
    """Return a token's id, or the first of a list of ids; None if the file names none."""
    value = document.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else field({name: value}, name, int)


def rope_parameters(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rotary settings of either spelling, ``rope_theta`` among them."""
    scaling = document.get("rope_parameters") or document.get("rope_scaling") or {}
    if not isinstance(scaling, dict):
        raise ConfigError(f"config.json: rope parameters must be an object, found {scaling!r}.")
    theta = scaling.get("rope_theta", document.get("rope_theta", 10000.0))
    return {**scaling, "rope_theta": theta}


def rope_type(rope: Mapping[str, Any], supported: Sequence[str]) -> str:
    """Return the kind of rotary embeddings. Raises ``ConfigError`` unless it is supported."""
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind not in supported:
        raise ConfigError(
            f"config.json: rotary embeddings of type {kind!r} are not supported; "
            f"{' and '.join(map(repr, supported))} are."
        )
    return str(kind)


def require_supported(
    document: Mapping[str, Any], supported: Mapping[str, tuple[Any, ...]], models: str
) -> None:
    """Refuse values that change what the model computes and that this exporter does not build.

    None among the values of a field means that it may be absent or null.
    """
    for name, values in supported.items():
        if document.get(name) not in values:
            raise unsupported(name, values[:1], repr(document.get(name)), models)


def unsupported(name: str, expected: Sequence[Any], found: str, models: str) -> ConfigError:
    """Return the refusal of a field; ``models`` says what this exporter knows instead."""
    return ConfigError(
        f"config.json: {name} must be {' or '.join(map(repr, expected))} and is {found}. This "
        f"exporter knows {models} only."
    )


def require_positive(config: ModelConfig) -> None:
    """Raise ``ConfigError`` unless the sizes are numbers that a model can have."""
    for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"):
        if getattr(config, name) < 1:
            raise ConfigError(f"config.json: {name} must be positive, is {getattr(config, name)}.")
