"""One ``InferenceSession``: token ids and a KV cache in, logits out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.cache.kv_cache import KVCache
from coder_lsp.engine.device.inference_session import open_session
from coder_lsp.engine.device.runtime import load_onnxruntime, translating
from coder_lsp.errors import Cancelled, EngineError
from coder_lsp.paths import tensorrt_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.device.providers import ProviderChoice
    from coder_lsp.models.model_folder import ModelFolder
    from coder_lsp.settings import Providers

_INPUTS = ("input_ids", "position_ids", "total_length", "num_logits")
_MAX_KEPT_WIDTH = 16
"""The maximum of tokens of a pass whose buffers are kept: decoding needs them again and again."""


class _PassBuffers:
    """Inputs and logits of a pass over ``width`` tokens, at fixed addresses."""

    def __init__(self, width: int, num_logits: int, vocab_size: int) -> None:
        self._inputs = [np.zeros(length, np.int64) for length in (width, width, 1, 1)]
        self._inputs[-1][0] = num_logits
        self.logits = np.zeros((num_logits, vocab_size), np.float32)
        # An OrtValue of the CPU shares the array's memory. If the graph runs elsewhere, a few
        # integers are copied there, and the logits of the last positions back.
        ort_value = load_onnxruntime().OrtValue.ortvalue_from_numpy
        self._input_values = [ort_value(array) for array in self._inputs]
        self._logits_value = ort_value(self.logits)

    def bind(self, binding: Any, token_ids: Sequence[int], start: int) -> None:
        """Fill in the tokens, which follow ``start`` others, and bind everything."""
        input_ids, position_ids, total_length, _ = self._inputs
        input_ids[:] = token_ids
        position_ids[:] = np.arange(start, start + len(token_ids))
        total_length[0] = start + len(token_ids)
        for name, value in zip(_INPUTS, self._input_values, strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output("logits", self._logits_value)


class ModelRunner:
    """Runs the graph; holds no sequence. Called from one thread only."""

    def __init__(
        self,
        folder: ModelFolder,
        num_threads: int,
        providers: Providers = "cpu",
        context_tokens: int = 2048,
    ) -> None:
        """Load the graph on a provider for which there is memory for ``context_tokens``.

        ``context_tokens`` 0: as many as the memory allows.
        Raises ``EngineError`` with numbers and remedy.
        """
        self._layout = folder.manifest.cache
        self._vocab_size = folder.manifest.architecture.vocab_size
        self._buffers: dict[tuple[int, int], _PassBuffers] = {}
        opened = open_session(folder, num_threads, providers, context_tokens, tensorrt_path())
        self._session, self._device = opened.session, opened.device
        self._choice = opened.choice
        self._context_tokens = opened.context_tokens
        self._run_options = load_onnxruntime().RunOptions
        self._check_interface(folder)

    @property
    def provider(self) -> str:
        """The execution provider that runs the graph."""
        return str(self._session.get_providers()[0])

    @property
    def choice(self) -> ProviderChoice:
        """Where it runs, why it is not the GPU, and the memory left for KV caches."""
        return self._choice

    @property
    def context_tokens(self) -> int:
        """The longest sequence that memory was planned for."""
        return self._context_tokens

    def create_cache(self, capacity: int) -> KVCache:
        """Return an empty cache with room for ``capacity`` tokens."""
        return KVCache(self._session, self._layout, capacity, self._device)

    def run(
        self,
        cache: KVCache,
        token_ids: Sequence[int],
        cancellation: CancellationToken,
        num_logits: int = 1,
    ) -> npt.NDArray[np.float32]:
        """Read ``token_ids`` after what ``cache`` holds and append them to it.

        Returns logits ``[num_logits, vocab_size]`` of the last positions. Raises ``Cancelled``,
        also in the middle of the graph, and ``EngineError``; then the cache is unchanged.
        """
        with translating("The model could not be run"):
            cache.reserve(cache.offset + len(token_ids))
            buffers = self._buffers_of(len(token_ids), num_logits)
            binding = cache.bind(cache.offset + len(token_ids))
            buffers.bind(binding, token_ids, cache.offset)
            self._run(binding, cancellation)
            cache.append(token_ids)
            return buffers.logits.copy()

    def _buffers_of(self, width: int, num_logits: int) -> _PassBuffers:
        key = (width, num_logits)
        buffers = self._buffers.get(key)
        if buffers is None:
            buffers = _PassBuffers(width, num_logits, self._vocab_size)
            if width <= _MAX_KEPT_WIDTH:
                self._buffers[key] = buffers
        return buffers

    def _run(self, binding: Any, cancellation: CancellationToken) -> None:
        cancellation.raise_if_cancelled()
        options = self._run_options()

        def terminate() -> None:
            options.terminate = True

        with cancellation.interrupting(terminate):
            try:
                self._session.run_with_iobinding(binding, options)
            except Exception as exc:  # ONNX Runtime's exceptions have no common base
                if cancellation.is_cancelled:
                    raise Cancelled("The running graph was interrupted.") from exc
                raise

    def _check_interface(self, folder: ModelFolder) -> None:
        """Raise ``EngineError`` if the graph does not fit its manifest."""
        found = {value.name for value in self._session.get_inputs()}
        expected = {*_INPUTS, *(f"past.{name}" for name in CacheTensors.of(self._layout).names)}
        if found != expected:
            names = ", ".join(sorted(found ^ expected))
            raise EngineError(
                f"The graph {folder.graph_path} and its manifest disagree on the inputs {names}. "
                "Export or install the model again."
            )
