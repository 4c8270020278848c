"""One sequence run through an exported graph, for ``--verify`` only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import ReferenceMissing
from onnx_export.model_folder import GRAPH_NAME


class GraphRun:
    """A session and one cache of fixed capacity; ``offset`` tokens have been read."""

    def __init__(self, model_folder: Path, capacity: int) -> None:
        """Load the graph on the CPU. Raises ``ReferenceMissing`` without ONNX Runtime."""
        onnxruntime = require_runtime()
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(model_folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"]
        )
        self._binding = self._session.io_binding()
        self._past = [i for i in self._session.get_inputs() if i.name.startswith("past.")]
        # The one dimension with a name is that of the tokens.
        shapes = [_with_tokens(tensor, capacity) for tensor in self._past]
        types = [np.float16 if "float16" in tensor.type else np.float32 for tensor in self._past]
        self._buffers = [np.zeros(*pair) for pair in zip(shapes, types, strict=True)]
        self.offset = 0

    def append(self, token_ids: Sequence[int]) -> NDArray[np.float32]:
        """Read tokens after what was read before; return their logits ``[N, vocabulary]``."""
        total = self.offset + len(token_ids)
        self._bind_cache(total)
        inputs = {
            "input_ids": list(token_ids),
            "position_ids": list(range(self.offset, total)),
            "total_length": [total],
            "num_logits": [len(token_ids)],
        }
        for name, values in inputs.items():
            self._binding.bind_cpu_input(name, np.array(values, np.int64))
        self._binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(self._binding)
        self.offset = total
        return np.asarray(self._binding.get_outputs()[-1].numpy(), np.float32)

    def trim(self, offset: int) -> None:
        """Forget all tokens from ``offset`` on."""
        self.offset = offset

    def _bind_cache(self, total_length: int) -> None:
        """Bind buffers as past and present; a latent's rows up to ``total_length`` only."""
        for tensor, buffer in zip(self._past, self._buffers, strict=True):
            shape = _with_tokens(tensor, total_length) if buffer.ndim == 2 else buffer.shape  # noqa: PLR2004
            place = ("cpu", 0, buffer.dtype, shape, buffer.ctypes.data)
            self._binding.bind_input(tensor.name, *place)
            self._binding.bind_output(tensor.name.replace("past", "present", 1), *place)


def require_runtime() -> Any:
    """Return the module onnxruntime. Raises ``ReferenceMissing``, also without tokenizers."""
    try:
        import onnxruntime  # noqa: PLC0415 (an export without --verify does not need it)
        import tokenizers  # noqa: F401, PLC0415
    except ImportError as exc:
        raise ReferenceMissing(
            f"Running the exported graph needs {exc.name}, which is not installed. Install both "
            "libraries that it needs with: pip install onnxruntime==1.32.0 tokenizers"
        ) from exc
    return onnxruntime


def _with_tokens(tensor: Any, num_tokens: int) -> list[int]:
    return [num_tokens if isinstance(size, str) else size for size in tensor.shape]
