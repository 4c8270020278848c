"""Where a model comes from: a Hugging Face folder, a GGUF file, or made-up weights."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from onnx_export.checkpoint import Checkpoint, weight_files
from onnx_export.config import CONFIG_NAME, Precision, recommended_precision
from onnx_export.errors import CheckpointError, ConfigError
from onnx_export.model_card import license_of
from onnx_export.model_types import KnownConfig, read_model_config
from onnx_export.origin import Origin, has_chat_template, says_instruct
from onnx_export.parameter_count import num_parameters
from onnx_export.quantized_elsewhere import require_original_folder
from onnx_export.random_weights import RandomWeights
from onnx_export.tokenizer_file import TOKENIZER_NAME, TokenizerFile
from onnx_export.weights import Weights


class Source(Protocol):
    """Configuration, tokenizer and weights of one model."""

    def read_config(self) -> KnownConfig:
        """Return the model's configuration. Raises ``ConfigError``."""
        ...

    def read_tokenizer(self) -> TokenizerFile:
        """Return the tokenizer. Raises ``TokenizerError``."""
        ...

    def open_weights(self) -> AbstractContextManager[Weights]:
        """Yield the tensors. Raises ``CheckpointError``."""
        ...

    @property
    def origin(self) -> Origin:
        """What the source says of itself."""
        ...

    @property
    def default_precision(self) -> Precision:
        """The precision that is best for this source."""
        ...

    @property
    def format(self) -> str:
        """What the source is, in a word."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes of the weights; None where they are not there."""
        ...

    @property
    def weight_types(self) -> dict[str, int]:
        """How many weights have which type, if the source says so before it is read."""
        ...


@dataclass(frozen=True, slots=True)
class HuggingFaceFolder:
    """A checkpoint with ``config.json`` and ``tokenizer.json``."""

    path: Path

    def read_config(self) -> KnownConfig:
        """Return the model's configuration. Raises ``ConfigError``."""
        require_original_folder(self.path)
        _require_no_gguf_instead(self.path)
        return read_model_config(self.path / CONFIG_NAME)

    def read_tokenizer(self) -> TokenizerFile:
        """Return the tokenizer. Raises ``TokenizerError``."""
        return TokenizerFile.read(self.path / TOKENIZER_NAME)

    @contextmanager
    def open_weights(self) -> Iterator[Weights]:
        """Yield the tensors. Raises ``CheckpointError``."""
        with Checkpoint(self.path) as checkpoint:
            yield checkpoint

    @property
    def origin(self) -> Origin:
        """The folder's name, and what its model card says at its top."""
        name = self.path.resolve().name
        return Origin(
            name=name,
            license=license_of(self.path / "README.md"),
            says_instruct=says_instruct([name]),
            has_chat_template=has_chat_template(self.path),
        )

    @property
    def default_precision(self) -> Precision:
        """The precision that is best for a model of this size. Raises ``ConfigError``."""
        return recommended_precision(num_parameters(self.read_config()))

    @property
    def format(self) -> str:
        """What the source is, in a word."""
        return "safetensors"

    @property
    def size(self) -> int | None:
        """Bytes of the weights; None where they are not there."""
        try:
            return sum(path.stat().st_size for path in weight_files(self.path))
        except (CheckpointError, OSError):
            return None

    @property
    def weight_types(self) -> dict[str, int]:
        """How many weights have which type, if the source says so before it is read."""
        return {}


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Random weights for a ``config.json``, cut to ``num_layers`` unless that is None."""

    config_path: Path
    num_layers: int | None
    seed: int

    def read_config(self) -> KnownConfig:
        """Return the model's configuration. Raises ``ConfigError``."""
        config = read_model_config(self.config_path)
        return config if self.num_layers is None else config.with_layers(self.num_layers)

    def read_tokenizer(self) -> TokenizerFile:
        """Return the tokenizer in the folder of ``config.json``. Raises ``TokenizerError``."""
        return TokenizerFile.read(self.config_path.with_name(TOKENIZER_NAME))

    @contextmanager
    def open_weights(self) -> Iterator[Weights]:
        """Yield the tensors."""
        yield RandomWeights(self.seed)

    @property
    def origin(self) -> Origin:
        """That the weights are random."""
        return Origin(
            name=f"random weights, seed {self.seed}",
            license="none: random weights",
            says_instruct=False,
            has_chat_template=False,
        )

    @property
    def default_precision(self) -> Precision:
        """The precision that is best for a model of this size. Raises ``ConfigError``."""
        return recommended_precision(num_parameters(self.read_config()))

    @property
    def format(self) -> str:
        """What the source is, in a word."""
        return "random"

    @property
    def size(self) -> int | None:
        """None: nothing is stored."""
        return None

    @property
    def weight_types(self) -> dict[str, int]:
        """How many weights have which type, if the source says so before it is read."""
        return {}


def _require_no_gguf_instead(folder: Path) -> None:
    """Raise ``ConfigError`` for a folder that holds a GGUF file in place of a checkpoint."""
    found = sorted(folder.glob("*.gguf"))
    if found and not (folder / CONFIG_NAME).is_file():
        raise ConfigError(
            f"{folder} is no Hugging Face folder, but it holds {found[0].name}. Name that file "
            "instead of the folder."
        )


def open_source(path: Path) -> Source:
    """Return the source at ``path``: a GGUF file or a Hugging Face folder.

    Raises ``ExportError`` for a file that is no GGUF file.
    """
    if path.is_file():
        # Imported here because reading a folder does not need the package gguf.
        from onnx_export.gguf_file.source import GgufSource  # noqa: PLC0415

        return GgufSource.open(path)
    return HuggingFaceFolder(path)
