"""A Hugging Face checkpoint: one or many safetensors files, mapped and read row by row."""

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import CheckpointError
from onnx_export.json_file import read_json
from onnx_export.safetensors_file import SafetensorsFile
from onnx_export.weights import Weight

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")
_READABLE = ("F32", "F16", "BF16")


class Checkpoint:
    """The tensors of a folder by name; use it as a context manager. Nothing is kept in memory."""

    def __init__(self, folder: Path) -> None:
        """Open all shards. Raises ``CheckpointError``."""
        self._stack = ExitStack()
        self._folder = folder
        try:
            self._files = self._open(folder)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def identity(self) -> str:
        """A sum over samples of the files' content; a copy of a checkpoint has the same."""
        files = {file.path.name: file.source for file in self._files.values()}
        text = "\n".join(f"{name} {files[name].content_sum()}" for name in sorted(files))
        return hashlib.sha256(text.encode()).hexdigest()

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Find a tensor of a known shape. Raises ``CheckpointError``."""
        self._require(name, shape)
        return Weight(name, shape, functools.partial(self._files[name].rows, name))

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Find one slice along the first axis of a tensor of ``shape``."""
        self._require(name, shape)
        rows = functools.partial(self._rows_of_slice, name, index)
        return Weight(f"{name}[{index}]", shape[1:], rows)

    def _require(self, name: str, shape: tuple[int, ...]) -> None:
        if name not in self._files:
            raise CheckpointError(
                f"{self._folder}: the tensor {name} is missing from the safetensors files. "
                "config.json promises it; download the checkpoint again."
            )
        found = self._files[name]
        if found.shape(name) != shape:
            raise CheckpointError(
                f"{self._folder}: the tensor {name} should have the shape {shape} by config.json "
                f"and has {found.shape(name)}. The two files do not belong together: download "
                "the whole checkpoint again."
            )
        if found.dtype(name) not in _READABLE:
            raise CheckpointError(
                f"{self._folder}: the tensor {name} is stored as {found.dtype(name)}; "
                f"this exporter reads {', '.join(_READABLE)}. Convert the checkpoint to bf16."
            )

    def _rows_of_slice(self, name: str, index: int, start: int, end: int) -> NDArray[np.float32]:
        return self._files[name].rows_of_slice(name, index, start, end)

    def _open(self, folder: Path) -> dict[str, SafetensorsFile]:
        if (folder / _INDEX).is_file():
            return self._open_shards(folder, _weight_map(folder / _INDEX))
        found = dict[str, SafetensorsFile]()
        for path in weight_files(folder):
            file = self._open_file(path)
            for name in file.names:
                if name in found:
                    raise CheckpointError(
                        f"{path} and {found[name].path} both hold the tensor {name}. Download the "
                        "checkpoint again."
                    )
                found[name] = file
        return found

    def _open_shards(
        self, folder: Path, weight_map: Mapping[str, str]
    ) -> dict[str, SafetensorsFile]:
        shards = {name: self._open_file(folder / name) for name in sorted(set(weight_map.values()))}
        for tensor, shard in weight_map.items():
            if tensor not in shards[shard].names:
                raise CheckpointError(
                    f"{folder / shard} should hold the tensor {tensor} by {_INDEX} and does not. "
                    "Download that file again."
                )
        return {tensor: shards[shard] for tensor, shard in weight_map.items()}

    def _open_file(self, path: Path) -> SafetensorsFile:
        if not path.is_file():
            raise CheckpointError(f"{path} is missing. Download the checkpoint again.")
        file = SafetensorsFile(path)
        self._stack.callback(file.close)
        return file


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights. Raises ``CheckpointError``.

    They are those that the index names, else ``model.safetensors``, else the shards of one model,
    else the only safetensors file. Others in the folder, such as another format's copy, are not.
    """
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}. Name a Hugging Face folder.")
    if (folder / _INDEX).is_file():
        return [folder / name for name in sorted(set(_weight_map(folder / _INDEX).values()))]
    if (folder / _SINGLE).is_file():
        return [folder / _SINGLE]
    found = sorted(folder.glob("*.safetensors"))
    shards = [path for path in found if _SHARD.fullmatch(path.name)]
    if shards:
        return _complete(shards)
    if len(found) != 1:
        held = ", ".join(path.name for path in found) or "no safetensors file at all"
        raise CheckpointError(
            f"{folder} holds neither {_SINGLE} nor {_INDEX}, but {held}. Only safetensors are "
            "read; download the checkpoint in that format."
        )
    return found


def _complete(shards: Sequence[Path]) -> list[Path]:
    """Return the shards of one model, which must all be there."""
    first = _SHARD.fullmatch(shards[0].name)
    assert first is not None
    count = int(first["count"])
    names = [f"{first['stem']}-{i:05}-of-{count:05}.safetensors" for i in range(1, count + 1)]
    for name in names:
        if shards[0].with_name(name) not in shards:
            raise CheckpointError(
                f"{shards[0].with_name(name)} is missing, and there is no {_INDEX} that would say "
                "that it is not needed. Download the checkpoint again."
            )
    stray = [path.name for path in shards if path.name not in names]
    if stray:
        raise CheckpointError(
            f"{shards[0].parent} holds shards of two models, among them {stray[0]}, and no "
            f"{_INDEX} that would say which are meant. Download one checkpoint to an empty folder."
        )
    return list(shards)


def _weight_map(path: Path) -> dict[str, str]:
    weight_map = read_json(path, CheckpointError, "finding the tensors").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path} has no 'weight_map'. Download it again.")
    for shard in weight_map.values():
        # A path would let a downloaded file name anything on this disk.
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise CheckpointError(f"{path} names the shard {shard!r}, which is no file name.")
    return dict(weight_map)
