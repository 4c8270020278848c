"""A Hugging Face checkpoint: one or many safetensors files, mapped and read tensor by tensor."""

import functools
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ml_dtypes  # noqa: F401 (teaches numpy, and so safetensors, the name bfloat16)
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from onnx_export.errors import CheckpointError
from onnx_export.json_file import read_json
from onnx_export.weights import Weight

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
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

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def find(self, name: str, shape: tuple[int, ...]) -> Weight:
        """Find a tensor of a known shape. Raises ``CheckpointError``."""
        self._require(name, shape)
        return Weight(name, shape, functools.partial(self._read, name))

    def find_slice(self, name: str, shape: tuple[int, ...], index: int) -> Weight:
        """Find one slice along the first axis of a tensor of ``shape``."""
        self._require(name, shape)
        return Weight(f"{name}[{index}]", shape[1:], functools.partial(self._read, name, index))

    def _require(self, name: str, shape: tuple[int, ...]) -> None:
        if name not in self._files:
            raise CheckpointError(
                f"{self._folder}: the tensor {name} is missing from the safetensors files. "
                "config.json promises it; download the checkpoint again."
            )
        found = self._files[name].get_slice(name)
        if tuple(found.get_shape()) != shape:
            raise CheckpointError(
                f"{self._folder}: the tensor {name} should have the shape {shape} by config.json "
                f"and has {tuple(found.get_shape())}. The two files do not belong together."
            )
        if found.get_dtype() not in _READABLE:
            raise CheckpointError(
                f"{self._folder}: the tensor {name} is stored as {found.get_dtype()}; "
                f"this exporter reads {', '.join(_READABLE)}. Convert the checkpoint to bf16."
            )

    def _read(self, name: str, index: int | None = None) -> NDArray[np.float32]:
        file = self._files[name]
        tensor = file.get_tensor(name) if index is None else file.get_slice(name)[index]
        return np.asarray(tensor).astype(np.float32)

    def _open(self, folder: Path) -> dict[str, Any]:
        if not folder.is_dir():
            raise CheckpointError(f"There is no folder {folder}. Name a Hugging Face folder.")
        if (folder / _INDEX).is_file():
            return self._open_shards(folder, _weight_map(folder / _INDEX))
        if (folder / _SINGLE).is_file():
            file = self._open_file(folder / _SINGLE)
            return dict.fromkeys(file.keys(), file)
        raise CheckpointError(
            f"{folder} holds neither {_SINGLE} nor {_INDEX}. Only safetensors are read; "
            "download the checkpoint in that format."
        )

    def _open_shards(self, folder: Path, weight_map: Mapping[str, str]) -> dict[str, Any]:
        shards = {name: self._open_file(folder / name) for name in sorted(set(weight_map.values()))}
        held = {name: set(file.keys()) for name, file in shards.items()}
        for tensor, shard in weight_map.items():
            if tensor not in held[shard]:
                raise CheckpointError(
                    f"{folder / shard} should hold the tensor {tensor} by {_INDEX} and does not. "
                    "Download that file again."
                )
        return {tensor: shards[shard] for tensor, shard in weight_map.items()}

    def _open_file(self, path: Path) -> Any:
        if not path.is_file():
            raise CheckpointError(f"{path} is missing. Download the checkpoint again.")
        try:
            return self._stack.enter_context(safe_open(path, framework="numpy"))
        except (SafetensorError, OSError) as exc:
            raise CheckpointError(
                f"{path} is cut off or is no safetensors file: {exc}. Download it again."
            ) from exc


def _weight_map(path: Path) -> dict[str, str]:
    weight_map = read_json(path, CheckpointError, "finding the tensors").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path} has no 'weight_map'. Download it again.")
    for shard in weight_map.values():
        # A path would let a downloaded file name anything on this disk.
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise CheckpointError(f"{path} names the shard {shard!r}, which is no file name.")
    return dict(weight_map)
