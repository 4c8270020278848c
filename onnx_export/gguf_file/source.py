"""A GGUF file as the source of an export."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gguf import GGMLQuantizationType

from onnx_export.config import Precision, recommended_precision
from onnx_export.errors import CheckpointError
from onnx_export.gguf_file.blocks import BITS
from onnx_export.gguf_file.config import ARCHITECTURE, config_document
from onnx_export.gguf_file.files import GgufFiles
from onnx_export.gguf_file.metadata import Metadata
from onnx_export.gguf_file.tokenizer import tokenizer_of
from onnx_export.gguf_file.weights import GgufWeights
from onnx_export.model_types import KnownConfig, parse_model_config
from onnx_export.origin import UNKNOWN, Origin, says_instruct
from onnx_export.tokenizer_file import TokenizerFile
from onnx_export.weights import Weights

_EMBEDDING = "token_embd.weight"


@dataclass(frozen=True, slots=True)
class GgufSource:
    """A file, or several parts of one model, whose headers were read."""

    files: GgufFiles
    metadata: Metadata

    @classmethod
    def open(cls, path: Path) -> "GgufSource":
        """Read the headers. Raises ``CheckpointError`` and ``ConfigError``."""
        files = GgufFiles(path)
        fields = Metadata(path, files.metadata, "")
        return cls(files, Metadata(path, files.metadata, fields.find(ARCHITECTURE, str)))

    def read_config(self) -> KnownConfig:
        """Return the model's configuration. Raises ``ConfigError``."""
        tensors = self.files.tensors
        vocab_size = tensors[_EMBEDDING].info.shape[0] if _EMBEDDING in tensors else 0
        document = config_document(self.metadata, vocab_size, tensors.keys())
        if vocab_size == 0:
            raise CheckpointError(
                f"{self.files.path}: the tensor {_EMBEDDING} is missing. Name the file that holds "
                "the model, or its first part."
            )
        return parse_model_config(document)

    def read_tokenizer(self) -> TokenizerFile:
        """Return the tokenizer. Raises ``TokenizerError``."""
        return tokenizer_of(self.metadata)

    @contextmanager
    def open_weights(self) -> Iterator[Weights]:
        """Yield the tensors. Raises ``CheckpointError``."""
        yield GgufWeights(self.files, self.read_config())

    @property
    def origin(self) -> Origin:
        """What the file says of itself."""
        find = self.metadata.optional
        name = find("general.name", str) or self.files.path.stem
        license_ = find("general.license.name", str) or find("general.license", str) or UNKNOWN
        words = (name, find("general.finetune", str) or "", self.files.path.stem)
        return Origin(
            name=name,
            license=license_,
            says_instruct=says_instruct(words),
            has_chat_template="tokenizer.chat_template" in self.files.metadata,
        )

    @property
    def default_precision(self) -> Precision:
        """``keep`` if most weights are in blocks that can be kept, else what is recommended."""
        amounts = {kind: self.files.num_weights_of(kind) for kind in GGMLQuantizationType}
        most = max(amounts, key=amounts.__getitem__)
        return "keep" if most in BITS else recommended_precision(sum(amounts.values()))

    @property
    def format(self) -> str:
        """What the source is, in a word."""
        return "gguf"

    @property
    def size(self) -> int | None:
        """Bytes of the files."""
        return self.files.size

    @property
    def weight_types(self) -> dict[str, int]:
        """How many weights have which type."""
        counts = {kind.name: self.files.num_weights_of(kind) for kind in GGMLQuantizationType}
        return {name: count for name, count in counts.items() if count}
