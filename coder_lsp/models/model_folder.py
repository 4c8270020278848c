"""The model folder as the server reads it: the manifest, checked, and nothing else.

``onnx_export`` writes such folders; this module refuses what it does not understand and names it.
It does not open the graph: that is the engine's business.

``coder_lsp.json``, format version 1, has exactly the fields of ``Manifest`` below; nested objects
are the dataclasses named there, ``files`` maps a file's name to its size and sha256.
"""

import hashlib
import json
import types
import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from coder_lsp.errors import ModelFolderError

MANIFEST_NAME = "coder_lsp.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights come from. ``license`` is an SPDX id or the licence's own name."""

    model: str
    license: str
    num_parameters: int
    num_active_parameters: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of ``config.json`` that a reader may want to see."""

    model_type: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int


@dataclass(frozen=True, slots=True)
class LatentLayout:
    """One ``[total_length, width]`` tensor a layer, ``past.{i}`` and ``present.{i}``."""

    kind: Literal["latent"]
    num_layers: int
    width: int
    dtype: Literal["float32", "float16"]


@dataclass(frozen=True, slots=True)
class GroupedLayout:
    """Two tensors ``[1, num_key_value_heads, capacity, head_dim]`` a layer.

    They are ``past.{i}.key`` and ``past.{i}.value``, and ``present`` likewise.
    """

    kind: Literal["gqa"]
    num_layers: int
    num_key_value_heads: int
    head_dim: int
    dtype: Literal["float32", "float16"]


CacheLayout = LatentLayout | GroupedLayout


@dataclass(frozen=True, slots=True)
class FimTemplate:
    """The token ids of fill-in-the-middle and their order.

    ``psm``: ``bos fim_begin PREFIX fim_hole SUFFIX fim_end`` and then the middle. ``snippets`` says
    where pieces of other files stand: before ``fim_begin``, or at the head of PREFIX.
    """

    order: Literal["psm"]
    bos: int
    eos: int
    fim_begin: int
    fim_hole: int
    fim_end: int
    snippets: Literal["before_fim_begin", "head_of_prefix"]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """``sha256`` in hexadecimal; ``size`` in bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known of a model before it is loaded.

    ``num_generable_ids``: ids from this one on are never generated (unused rows, chat tokens).
    ``context_length``: tokens of prompt and completion together. ``graph`` names the ONNX file.
    ``expert_block_size``: that of the routed experts; None where an older exporter did not say it.
    ``is_instruct``: the model was trained to chat, so it explains its code and fences it. The
    manifest of an older exporter does not have this field.
    """

    format_version: int
    name: str
    source: Source
    architecture: Architecture
    precision: Literal["fp32", "fp16", "int8", "int4"]
    block_size: int
    target: Literal["cpu", "cuda"]
    graph: str
    tokenizer: str
    cache: CacheLayout
    fim: FimTemplate
    num_generable_ids: int
    context_length: int
    files: dict[str, FileEntry]
    expert_block_size: int | None = None
    is_instruct: bool = False


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose manifest was understood; the files are checked by ``verify_files``."""

    path: Path
    manifest: Manifest

    @classmethod
    def read(cls, path: Path) -> "ModelFolder":
        """Read and check the manifest. Raises ``ModelFolderError``."""
        return cls(path, _parse(path / MANIFEST_NAME))

    @property
    def graph_path(self) -> Path:
        """Where the ONNX graph lies."""
        return self.path / self.manifest.graph

    @property
    def tokenizer_path(self) -> Path:
        """Where ``tokenizer.json`` lies."""
        return self.path / self.manifest.tokenizer

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.manifest.files.values())

    def verify_files(self) -> None:
        """Check every file against the manifest's size and sha256. Raises ``ModelFolderError``."""
        for name in self.manifest.files:
            self.verify_file(name)

    def verify_file(self, name: str) -> None:
        """Check one file, named as in the manifest. Raises ``ModelFolderError``."""
        _verify_file(self.path / name, self.manifest.files[name])


def _verify_file(path: Path, entry: FileEntry) -> None:
    if not path.is_file():
        raise ModelFolderError(f"{path} is missing. {_AGAIN}")
    size = path.stat().st_size
    if size != entry.size:
        raise ModelFolderError(
            f"{path} should have {entry.size} bytes, has {size}: cut off or changed. {_AGAIN}"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.sha256:
        raise ModelFolderError(
            f"{path} is damaged: its sha256 should be {entry.sha256} and is {found}. {_AGAIN}"
        )


_AGAIN = "Export or install the model again."


def _parse(path: Path) -> Manifest:
    if not path.parent.is_dir():
        raise ModelFolderError(
            f"There is no model folder at {path.parent}. Name an installed model, as 'coder-lsp "
            f"models' lists them, or a folder that holds {MANIFEST_NAME}, or leave the setting "
            "'model' empty for the embedded model."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ModelFolderError(
            f"{path.parent} is no model folder: it holds no {MANIFEST_NAME}. A Hugging Face folder "
            "becomes one by 'coder-lsp install'."
        ) from exc
    except (OSError, ValueError) as exc:
        raise ModelFolderError(f"{path} cannot be read as JSON: {exc}. {_AGAIN}") from exc
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise ModelFolderError(
            f"{path} has format version {version!r}; this program reads {FORMAT_VERSION}. "
            "Export the model with this version, or update coder-lsp."
        )
    manifest: Manifest = _structure(document, Manifest, str(path))
    for name in manifest.files:
        if name in {".", ".."} or "/" in name or "\\" in name:
            raise ModelFolderError(f"{path}: {name!r} in 'files' is not the name of a file in it.")
    for name in (manifest.graph, manifest.tokenizer):
        if name not in manifest.files:
            raise ModelFolderError(f"{path}: {name!r} is not listed in 'files'. {_AGAIN}")
    return manifest


def _structure(value: Any, kind: Any, where: str) -> Any:
    """Turn JSON into ``kind``; refuse unknown, missing and ill-typed fields by name."""
    if is_dataclass(kind):
        return _structure_object(value, kind, where)
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        # None is the default of a field that may be left out, not a value to be written.
        kinds = tuple(k for k in typing.get_args(kind) if k is not types.NoneType)
        if len(kinds) == 1:
            return _structure(value, kinds[0], where)
        return _structure_alternative(value, kinds, where)
    if origin is dict:
        _expect(isinstance(value, dict), where, "an object", value)
        item = typing.get_args(kind)[1]
        return {str(k): _structure(v, item, f"{where}: {k}") for k, v in value.items()}
    if origin is Literal:
        choices = typing.get_args(kind)
        _expect(value in choices, where, " or ".join(map(repr, choices)), value)
        return value
    _expect(type(value) is kind, where, _JSON_NAMES[kind], value)
    return value


def _structure_alternative(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    """Turn JSON into that one of several dataclasses whose ``kind`` it names."""
    _expect(isinstance(value, dict), where, "an object", value)
    names = [typing.get_args(typing.get_type_hints(kind)["kind"])[0] for kind in kinds]
    found = value.get("kind")
    _expect(found in names, f"{where}: kind", " or ".join(map(repr, names)), found)
    return _structure_object(value, kinds[names.index(found)], where)


def _structure_object(value: Any, kind: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where, "an object", value)
    known = typing.get_type_hints(kind)
    for name in value:
        if name not in known:
            raise ModelFolderError(
                f"{where}: unknown field {name!r}. Another version of the exporter wrote it; "
                "update coder-lsp or export the model again."
            )
    for field in fields(kind):
        if field.name not in value and field.default is MISSING:
            raise ModelFolderError(f"{where}: the field {field.name!r} is missing. {_AGAIN}")
    return kind(**{n: _structure(v, known[n], f"{where}: {n}") for n, v in value.items()})


def _expect(condition: bool, where: str, expected: str, found: Any) -> None:  # noqa: FBT001
    if not condition:
        raise ModelFolderError(f"{where}: expected {expected}, found {found!r}. {_AGAIN}")


_JSON_NAMES = types.MappingProxyType({int: "a whole number", str: "a text", bool: "true or false"})
