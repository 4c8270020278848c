"""The model folder as the server reads it: the manifest, checked, and nothing else.

``onnx_export`` writes such folders. This module refuses what it does not understand and names it.
It does not open the graph: that is the engine's task.

``coder_lsp.json``, format version 1, has exactly the fields of ``Manifest`` below. Nested objects
are the dataclasses named there, and ``files`` maps a file's name to its size and sha256.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from coder_lsp.errors import FormatError, ModelFolderError
from coder_lsp.json_input import Check, in_range, read_json, structure
from coder_lsp.paths import is_file_name

MANIFEST_NAME = "coder_lsp.json"
FORMAT_VERSION = 1

Count = Annotated[int, in_range(1, 1 << 20)]
TokenId = Annotated[int, in_range(0, (1 << 20) - 1)]
NumBytes = Annotated[int, in_range(0, 1 << 50)]
NumParameters = Annotated[int, in_range(0, 1 << 50)]
# Names and licences are printed in a terminal, where control characters could hide what is there.
Words = Annotated[str, Check("printable text", lambda text: text.isprintable())]
Sha256 = Annotated[str, Check("a sha256", lambda text: bool(re.fullmatch("[0-9a-f]{64}", text)))]


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of the weights. ``license`` is an SPDX id or the licence's own name."""

    model: Words
    license: Words
    num_parameters: NumParameters
    num_active_parameters: NumParameters


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of ``config.json`` that a reader may want to know."""

    model_type: Words
    vocab_size: Count
    hidden_size: Count
    num_hidden_layers: Count
    num_attention_heads: Count


@dataclass(frozen=True, slots=True)
class LatentLayout:
    """One ``[total_length, width]`` tensor a layer, ``past.{i}`` and ``present.{i}``."""

    kind: Literal["latent"]
    num_layers: Count
    width: Count
    dtype: Literal["float32", "float16"]


@dataclass(frozen=True, slots=True)
class GroupedLayout:
    """Two tensors ``[1, num_key_value_heads, capacity, head_dim]`` a layer.

    They are ``past.{i}.key`` and ``past.{i}.value``, and ``present`` likewise.
    """

    kind: Literal["gqa"]
    num_layers: Count
    num_key_value_heads: Count
    head_dim: Count
    dtype: Literal["float32", "float16"]


CacheLayout = LatentLayout | GroupedLayout


@dataclass(frozen=True, slots=True)
class FimNames:
    """What the tokenizer calls the FIM tokens."""

    fim_begin: str
    fim_hole: str
    fim_end: str


@dataclass(frozen=True, slots=True)
class FimTemplate:
    """The token ids of fill-in-the-middle and their order.

    ``psm``: ``bos fim_begin PREFIX fim_hole SUFFIX fim_end`` and then the middle. ``bos`` is None
    if the model's prompts start without such a token. ``snippets`` says where pieces of other files
    belong: before ``fim_begin``, or at the head of PREFIX. ``names`` is None in the manifest of an
    older exporter.
    """

    order: Literal["psm"]
    bos: TokenId | None
    eos: TokenId
    fim_begin: TokenId
    fim_hole: TokenId
    fim_end: TokenId
    snippets: Literal["before_fim_begin", "head_of_prefix"]
    names: FimNames | None = None

    @property
    def bos_ids(self) -> tuple[int, ...]:
        """The token that starts each prompt, or nothing."""
        return () if self.bos is None else (self.bos,)

    @property
    def prompt_ids(self) -> tuple[int, ...]:
        """The tokens that a prompt contains and a completion never does."""
        return (*self.bos_ids, self.fim_begin, self.fim_hole, self.fim_end)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """``sha256`` in hexadecimal; ``size`` in bytes."""

    size: NumBytes
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is known of a model before it is loaded.

    ``num_generable_ids``: ids from this one on are never generated (unused rows, chat tokens).
    ``context_length``: tokens of prompt and completion together. ``graph`` names the ONNX file.
    ``expert_block_size``: that of the routed experts; None if an older exporter did not write it.
    ``recipe``: the name by which the exporter knows which weights have how many bits. The manifest
    of an older exporter does not have this field.
    ``is_instruct``: the model was trained to chat, so it explains its code and fences it. The
    manifest of an older exporter does not have this field.
    """

    format_version: int
    name: Words
    source: Source
    architecture: Architecture
    precision: Literal["fp32", "fp16", "int8", "int4"]
    block_size: Count
    target: Literal["cpu", "cuda"]
    graph: str
    tokenizer: str
    cache: CacheLayout
    fim: FimTemplate
    num_generable_ids: Count
    context_length: Count
    files: dict[str, FileEntry]
    expert_block_size: Count | None = None
    recipe: str = ""
    is_instruct: bool = False


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with a valid manifest; ``verify_files`` checks the files."""

    path: Path
    manifest: Manifest

    @classmethod
    def read(cls, path: Path) -> "ModelFolder":
        """Read and check the manifest. Raises ``ModelFolderError``."""
        return cls(path, _parse(path / MANIFEST_NAME))

    @property
    def graph_path(self) -> Path:
        """The path of the ONNX graph."""
        return self.path / self.manifest.graph

    @property
    def tokenizer_path(self) -> Path:
        """The path of ``tokenizer.json``."""
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
            "'model' empty for the default model."
        )
    try:
        document = read_json(path)
        version = document.get("format_version") if isinstance(document, dict) else None
        if version != FORMAT_VERSION:
            raise ModelFolderError(
                f"{path} has format version {version!r}; this program reads {FORMAT_VERSION}. "
                "Export the model with this version, or update coder-lsp."
            )
        manifest: Manifest = structure(document, Manifest, str(path))
    except FileNotFoundError as exc:
        raise ModelFolderError(
            f"{path.parent} is no model folder: it holds no {MANIFEST_NAME}. A Hugging Face folder "
            "becomes one by 'coder-lsp install'."
        ) from exc
    except OSError as exc:
        raise ModelFolderError(f"{path} cannot be read: {exc}. {_AGAIN}") from exc
    except FormatError as exc:
        # A field that is unknown may come from a later version of the exporter.
        raise ModelFolderError(f"{exc} {_AGAIN} Or update coder-lsp.") from exc
    _check_names(manifest, path)
    _check_ids(manifest, path)
    return manifest


def _check_names(manifest: Manifest, path: Path) -> None:
    for name in manifest.files:
        if not is_file_name(name):
            raise ModelFolderError(f"{path}: {name!r} in 'files' is not the name of a file in it.")
    for name in (manifest.graph, manifest.tokenizer):
        if name not in manifest.files:
            raise ModelFolderError(f"{path}: {name!r} is not listed in 'files'. {_AGAIN}")


def _check_ids(manifest: Manifest, path: Path) -> None:
    fim, vocab_size = manifest.fim, manifest.architecture.vocab_size
    highest = max(*fim.prompt_ids, fim.eos)
    if highest >= vocab_size or manifest.num_generable_ids > vocab_size:
        raise ModelFolderError(
            f"{path}: the ids in 'fim' and 'num_generable_ids' reach beyond the vocabulary of "
            f"{vocab_size} tokens. {_AGAIN}"
        )
