"""Reading a GGUF file's metadata field by field, with refusals that name the field."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from onnx_export.errors import ConfigError

_Value = TypeVar("_Value", int, float, bool, str)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The fields of a file; ``prefix`` is what stands before the names of the architecture's."""

    path: Path
    fields: Mapping[str, Any]
    prefix: str

    def of_model(self, name: str, kind: type[_Value]) -> _Value:
        """Return a field of the architecture. Raises ``ConfigError``."""
        return self.find(f"{self.prefix}.{name}", kind)

    def of_model_or(self, name: str, kind: type[_Value], default: _Value) -> _Value:
        """Return the same, or ``default`` if the file does not have it."""
        return self.find_or(f"{self.prefix}.{name}", kind, default)

    def find(self, name: str, kind: type[_Value]) -> _Value:
        """Return a field by its whole name. Raises ``ConfigError``."""
        if name not in self.fields:
            raise ConfigError(
                f"{self.path}: the metadata field {name} is missing. Take a file that llama.cpp's "
                "own converter made."
            )
        return self._checked(name, kind)

    def find_or(self, name: str, kind: type[_Value], default: _Value) -> _Value:
        """Return the same, or ``default`` if the file does not have it."""
        return self._checked(name, kind) if name in self.fields else default

    def optional(self, name: str, kind: type[_Value]) -> _Value | None:
        """Return the same, or None if the file does not have it."""
        return self._checked(name, kind) if name in self.fields else None

    def texts(self, name: str) -> list[str]:
        """Return a list of texts. Raises ``ConfigError``."""
        return self._list(name, str)

    def integers(self, name: str) -> list[int]:
        """Return a list of whole numbers. Raises ``ConfigError``."""
        return self._list(name, int)

    def _list(self, name: str, kind: type[_Value]) -> list[_Value]:
        values = self.fields.get(name)
        if not isinstance(values, list) or not all(type(value) is kind for value in values):
            found = "nothing" if values is None else f"{values!r:.60}"
            raise ConfigError(
                f"{self.path}: the metadata field {name} must be a list of type {kind.__name__}, "
                f"found {found}. Take a file that llama.cpp's own converter made."
            )
        return values

    def _checked(self, name: str, kind: type[_Value]) -> _Value:
        value: Any = self.fields[name]
        if isinstance(value, list) and value and all(v == value[0] for v in value):
            # Some converters write one number for each layer.
            value = value[0]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ConfigError(
                f"{self.path}: the metadata field {name} must be of type {kind.__name__}, found "
                f"{value!r:.60}."
            )
        if isinstance(value, float):
            # The file holds single precision; the shortest number that is the same in it was meant.
            value = float(str(np.float32(value)))
        checked: _Value = value
        return checked
