"""JSON from outside: exact types, ranges, and errors that name the field."""

import json
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from coder_lsp.errors import FormatError
from coder_lsp.json_input import Check, in_range, parse_json, read_json, structure


@dataclass(frozen=True)
class Square:
    kind: Literal["square"]
    side: Annotated[int, in_range(1, 9)]


@dataclass(frozen=True)
class Circle:
    kind: Literal["circle"]
    radius: float


@dataclass(frozen=True)
class Drawing:
    name: Annotated[str, Check("a name", lambda name: name.isidentifier())]
    is_final: bool = field(metadata={"json": "isFinal"})
    shapes: tuple[Square | Circle, ...] = ()
    tags: dict[str, int] = field(default_factory=dict)
    scale: int | None = None


def drawing(**fields):
    return {"name": "plan", "isFinal": True, **fields}


def check_refused(value, *words):
    with pytest.raises(FormatError) as caught:
        structure(value, Drawing, "plan.json")
    for word in ("plan.json", *words):
        assert word in str(caught.value)


def test_an_object_becomes_a_dataclass():
    shapes = [{"kind": "circle", "radius": 2}, {"kind": "square", "side": 9}]
    value = drawing(shapes=shapes, tags={"a": 1}, scale=None)

    expected = Drawing(
        "plan", is_final=True, shapes=(Circle("circle", 2), Square("square", 9)), tags={"a": 1}
    )
    assert structure(value, Drawing, "plan.json") == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ["an object", "None"]),
        ([], ["an object", "[]"]),
        (5, ["an object", "5"]),
        ({}, ["'name' is missing"]),
        ({"name": "plan"}, ["'isFinal' is missing"]),
        (drawing(is_final=True), ["unknown field 'is_final'"]),
        (drawing(name="no name"), ["name", "expected a name", "'no name'"]),
        (drawing(name=1), ["name", "a text"]),
        (drawing(isFinal=1), ["is_final", "true or false", "1"]),
        (drawing(shapes={}), ["shapes", "a list"]),
        (drawing(shapes="ab"), ["shapes", "a list"]),
        (drawing(shapes=[1]), ["shapes[0]", "an object"]),
        (drawing(shapes=[{"kind": "line"}]), ["shapes[0]", "'square' or 'circle'", "'line'"]),
        (drawing(shapes=[{"kind": []}]), ["shapes[0]", "'square' or 'circle'"]),
        (drawing(shapes=[{"kind": "circle", "radius": True}]), ["shapes[0]: radius", "a number"]),
        (drawing(shapes=[{"kind": "square", "side": 10}]), ["side", "from 1 to 9", "10"]),
        (drawing(shapes=[{"kind": "square", "side": 1.0}]), ["side", "a whole number"]),
        (drawing(shapes=[{"kind": "square", "side": 1, "x": 1}]), ["shapes[0]", "unknown", "'x'"]),
        (drawing(tags=[]), ["tags", "an object"]),
        (drawing(tags={"a": "1"}), ["tags: a", "a whole number", "'1'"]),
        (drawing(scale="2"), ["scale", "a whole number"]),
    ],
)
def test_what_is_wrong_is_named(value, words):
    check_refused(value, *words)


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(FormatError) as caught:
        structure(drawing(isFinal="x" * 10_000), Drawing, "plan.json")

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\x00", b"\xff\xfe\x00", b"NaN", b"[1e999, Infinity]", b"[" * 200_000]
)
def test_what_is_no_json_is_refused(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_bytes(content)

    with pytest.raises(FormatError, match=r"plan\.json cannot be read as JSON"):
        read_json(path)


def test_a_byte_order_mark_is_not_part_of_the_text():
    assert parse_json(json.dumps("ü").encode("utf-8-sig"), "it") == "ü"
