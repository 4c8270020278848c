"""One ``InferenceSession``: token ids and a KV cache in, logits out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from coder_lsp.engine.kv_cache import KVCache
from coder_lsp.engine.runtime import create_inference_session, load_onnxruntime
from coder_lsp.errors import Cancelled, EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.model_folder import ModelFolder

_INPUTS = ("input_ids", "position_ids", "total_length", "num_logits")


class ModelRunner:
    """Runs the graph; holds no sequence. Called from one thread only."""

    def __init__(self, folder: ModelFolder, num_threads: int) -> None:
        self._layout = folder.manifest.cache
        self._session = create_inference_session(folder.graph_path, num_threads)
        self._run_options = load_onnxruntime().RunOptions
        self._check_interface(folder)

    @property
    def provider(self) -> str:
        """The execution provider that runs the graph."""
        return str(self._session.get_providers()[0])

    def create_cache(self, capacity: int) -> KVCache:
        """Return an empty cache with room for ``capacity`` tokens."""
        return KVCache(self._session, self._layout, capacity)

    def run(
        self,
        cache: KVCache,
        token_ids: Sequence[int],
        cancellation: CancellationToken,
        num_logits: int = 1,
    ) -> npt.NDArray[np.float32]:
        """Read ``token_ids`` after what ``cache`` holds and append them to it.

        Returns logits ``[num_logits, vocab_size]`` of the last positions. Raises ``Cancelled``,
        also in the middle of the graph, and ``EngineError``; then the cache is as it was.
        """
        start, total = cache.offset, cache.offset + len(token_ids)
        cache.reserve(total)
        binding = cache.binding
        binding.bind_cpu_input("input_ids", np.asarray(token_ids, np.int64))
        binding.bind_cpu_input("position_ids", np.arange(start, total, dtype=np.int64))
        binding.bind_cpu_input("total_length", np.array([total], np.int64))
        binding.bind_cpu_input("num_logits", np.array([num_logits], np.int64))
        # Bound anew for each run: a bound output keeps the shape of the run before.
        binding.bind_output("logits", "cpu")
        self._run(binding, cancellation)
        cache.append(token_ids)
        logits: npt.NDArray[np.float32] = binding.get_outputs()[-1].numpy()
        return logits

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
                raise EngineError(
                    f"ONNX Runtime failed: {exc}. Run 'coder-lsp doctor'; if it passes, please "
                    "report this with its output."
                ) from exc

    def _check_interface(self, folder: ModelFolder) -> None:
        """Refuse a graph that does not fit its manifest before the first run does."""
        found = {value.name for value in self._session.get_inputs()}
        layers = range(self._layout.num_layers)
        expected = {*_INPUTS, *(f"past.{i}" for i in layers)}
        if found != expected:
            names = ", ".join(sorted(found ^ expected))
            raise EngineError(
                f"The graph {folder.graph_path} and its manifest disagree on the inputs {names}. "
                "Export or install the model again."
            )
