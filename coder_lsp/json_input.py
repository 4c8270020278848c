"""JSON that comes from outside: read, checked and turned into dataclasses by cattrs.

Types are exact: ``true`` is no number and a number is no text. A field that is unknown, missing or
out of its range is an error that names it. ``Annotated[int, in_range(1, 9)]`` adds a range to a
type, and ``field(metadata={"json": "name"})`` gives a field another name in JSON.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from coder_lsp.errors import FormatError

if typing.TYPE_CHECKING:
    import cattrs

_MAX_SHOWN = 80
_NAMES: Mapping[Any, str] = types.MappingProxyType(
    {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
)


@dataclass(frozen=True, slots=True)
class Check:
    """What a value must be besides its type: in words, and as a test."""

    expected: str
    accepts: Callable[[Any], bool]


def in_range(minimum: float, maximum: float) -> Check:
    """Return the check for a number from ``minimum`` to ``maximum``."""
    return Check(
        f"a number from {minimum} to {maximum}", lambda value: bool(minimum <= value <= maximum)
    )


def read_json(path: Path) -> Any:
    """Return the content of a file. Raises ``FormatError`` and ``OSError``."""
    try:
        content = path.read_bytes()
    except ValueError as exc:  # a NUL in the path
        raise FormatError(f"{path} is not the path of a file: {exc}.") from exc
    return parse_json(content, str(path))


def parse_json(content: bytes, where: str) -> Any:
    """Return what JSON text holds; ``where`` names it in errors. Raises ``FormatError``."""
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:  # nested too deeply
        raise FormatError(f"{where} cannot be read as JSON: {exc}.") from exc


def structure(value: Any, kind: Any, where: str) -> Any:
    """Return JSON ``value`` as a ``kind``; ``where`` names it in errors. Raises ``FormatError``."""
    from cattrs.errors import BaseValidationError  # noqa: PLC0415 (see _converter)

    try:
        return _converter().structure(value, kind)
    except (_Mismatch, BaseValidationError) as exc:
        raise FormatError(f"{_explain(exc, where)}.") from exc


class _Mismatch(ValueError):
    def __init__(self, expected: str, found: Any) -> None:
        shown = repr(found)
        if len(shown) > _MAX_SHOWN:
            shown = shown[: _MAX_SHOWN - 1] + "…"
        super().__init__(f"expected {expected}, found {shown}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


@functools.cache
def _converter() -> "cattrs.Converter":
    import cattrs  # noqa: PLC0415 (takes 50 ms, and most commands read no JSON)

    converter = cattrs.Converter(detailed_validation=True)
    for kind in _NAMES:
        converter.register_structure_hook(kind, _exactly)
    for is_one, factory in (
        (dataclasses.is_dataclass, _object_hook),
        (_has_origin(dict), _mapping_hook),
        (_has_origin(tuple), _tuple_hook),
        (_has_origin(Literal), _choice_hook),
        (_has_origin(types.UnionType), _union_hook),
        (lambda kind: hasattr(kind, "__metadata__"), _checked_hook),  # Annotated
    ):
        converter.register_structure_hook_factory(is_one, factory)
    return converter


def _has_origin(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: typing.get_origin(kind) is origin


_Hook = Callable[[Any, Any], Any]


def _exactly(value: Any, kind: Any) -> Any:
    # Of the types of JSON only a whole number may stand for another, a number.
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise _Mismatch(_NAMES[kind], value)
    return value


def _object_hook(kind: Any, converter: "cattrs.Converter") -> _Hook:
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 (see _converter)

    # cattrs would not see the ranges in annotations that are still text.
    assert not any(isinstance(f.type, str) for f in dataclasses.fields(kind))
    renamed: dict[str, Any] = {
        f.name: override(rename=f.metadata["json"])
        for f in dataclasses.fields(kind)
        if "json" in f.metadata
    }
    inner = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **renamed)
    return _after(dict, "an object", inner)


def _mapping_hook(kind: Any, converter: "cattrs.Converter") -> _Hook:
    inner = converter.get_structure_hook(types.GenericAlias(Mapping, typing.get_args(kind)))
    return _after(dict, "an object", inner)


def _tuple_hook(kind: Any, converter: "cattrs.Converter") -> _Hook:
    items = types.GenericAlias(list, typing.get_args(kind)[:1])
    inner = converter.get_structure_hook(items)
    return _after(list, "a list", lambda value, _: tuple(inner(value, items)))


def _after(container: type, expected: str, inner: Callable[[Any, Any], Any]) -> _Hook:
    def hook(value: Any, kind: Any) -> Any:
        if not isinstance(value, container):
            raise _Mismatch(expected, value)
        return inner(value, kind)

    return hook


def _choice_hook(kind: Any) -> _Hook:
    choices = typing.get_args(kind)

    def hook(value: Any, _: Any) -> Any:
        if value not in choices:
            raise _Mismatch(" or ".join(map(repr, choices)), value)
        return value

    return hook


def _union_hook(kind: Any, converter: "cattrs.Converter") -> _Hook:
    """Turn JSON into that one of several dataclasses whose ``kind`` it names, or into None."""
    members = [member for member in typing.get_args(kind) if member is not types.NoneType]
    is_optional = len(members) < len(typing.get_args(kind))
    hooks = [converter.get_structure_hook(member) for member in members]
    if len(members) == 1:
        return lambda value, _: None if value is None else hooks[0](value, members[0])
    names = [typing.get_args(typing.get_type_hints(member)["kind"])[0] for member in members]

    def hook(value: Any, _: Any) -> Any:
        if value is None and is_optional:
            return None
        if not isinstance(value, dict):
            raise _Mismatch("an object", value)
        found = value.get("kind")
        if found not in names:
            raise _Mismatch("the kind " + " or ".join(map(repr, names)), found)
        index = names.index(found)
        return hooks[index](value, members[index])

    return hook


def _checked_hook(kind: Any, converter: "cattrs.Converter") -> _Hook:
    base, *checks = typing.get_args(kind)
    inner = converter.get_structure_hook(base)

    def hook(value: Any, _: Any) -> Any:
        result = inner(value, base)
        for check in checks:
            if not check.accepts(result):
                raise _Mismatch(check.expected, value)
        return result

    return hook


def _explain(exc: Exception, where: str) -> str:
    """Follow the first error to its field, and say what is wrong there."""
    from cattrs.errors import (  # noqa: PLC0415 (see _converter)
        ClassValidationError,
        ForbiddenExtraKeysError,
        IterableValidationError,
    )

    while isinstance(exc, ClassValidationError | IterableValidationError):
        noted, others = exc.group_exceptions()
        if others:
            exc = others[0]
            continue
        exc, note = noted[0]
        if isinstance(exc, KeyError):
            return f"{where}: the field {exc.args[0]!r} is missing"
        name = note.name if hasattr(note, "name") else note.index
        where += f"[{name}]" if isinstance(name, int) else f": {name}"
    if isinstance(exc, ForbiddenExtraKeysError):
        names = ", ".join(map(repr, sorted(map(str, exc.extra_fields))))
        return f"{where}: unknown field {names}"
    return f"{where}: {exc}"
