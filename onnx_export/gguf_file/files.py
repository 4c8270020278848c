"""A model in GGUF: one file, or several that llama.cpp's ``gguf-split`` made of it."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from onnx_export.errors import CheckpointError
from onnx_export.gguf_file.header import GgufHeader, TensorInfo, read_header
from onnx_export.source_file import SourceFile

_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor and the file that holds it; rows are read as the bytes that they are stored as."""

    file: SourceFile
    info: TensorInfo

    def rows(self, start: int, end: int) -> NDArray[np.uint8]:
        """Return rows ``[end - start, row_bytes]``, all axes but the last taken as one."""
        width = self.info.row_bytes
        data = self.file.read(self.info.offset + start * width, (end - start) * width)
        return np.frombuffer(data, np.uint8).reshape(end - start, width)


class GgufFiles:
    """Metadata and tensors of a model. Only the header is kept in memory."""

    def __init__(self, path: Path) -> None:
        """Read the headers of the file and of the other parts. Raises ``CheckpointError``."""
        self.path = path
        headers = _read_parts(path)
        self.metadata = headers[0].metadata
        self._files = [SourceFile.open(header.path) for header in headers]
        self.size = sum(header.size for header in headers)
        self.tensors = _joined(headers, self._files)

    @property
    def identity(self) -> str:
        """A text that changes when the content does."""
        sums = [file.content_sum() for file in self._files]
        return hashlib.sha256("\n".join(sums).encode()).hexdigest()

    def num_weights_of(self, kind: GGMLQuantizationType) -> int:
        """Return how many weights are stored in a type."""
        infos = (tensor.info for tensor in self.tensors.values())
        return sum(int(np.prod(info.shape)) for info in infos if info.kind is kind)


def _read_parts(path: Path) -> list[GgufHeader]:
    header = read_header(path)
    count = header.metadata.get("split.count", 1)
    if not isinstance(count, int) or count <= 1:
        return [header]
    match = _PART.fullmatch(path.name)
    if match is None or int(match["count"]) != count:
        raise CheckpointError(
            f"{path} is a part of a model in {count} files, whose names must end in "
            f"-00001-of-{count:05}.gguf. Give the files the names that they were published under."
        )
    parts = list[GgufHeader]()
    for number in range(1, count + 1):
        part = path.with_name(f"{match['stem']}-{number:05}-of-{count:05}.gguf")
        if not part.is_file():
            raise CheckpointError(
                f"{part} is missing: the model consists of {count} files. Download all of them."
            )
        parts.append(header if part == path else read_header(part))
        if parts[-1].metadata.get("split.no") != number - 1:
            raise CheckpointError(
                f"{part} is not part {number} of the model. Download the files again."
            )
    return parts


def _joined(headers: list[GgufHeader], files: list[SourceFile]) -> dict[str, StoredTensor]:
    tensors = dict[str, StoredTensor]()
    for header, file in zip(headers, files, strict=True):
        for info in header.tensors:
            if info.name in tensors:
                raise CheckpointError(
                    f"{header.path}: the tensor {info.name} is in another part of the model too. "
                    "Download the files again."
                )
            tensors[info.name] = StoredTensor(file, info)
    promised = headers[0].metadata.get("split.tensors.count", len(tensors))
    if len(headers) > 1 and promised != len(tensors):
        raise CheckpointError(
            f"{headers[0].path}: the parts of the model hold {len(tensors)} tensors and should "
            f"hold {promised}. Download the files again."
        )
    return tensors
