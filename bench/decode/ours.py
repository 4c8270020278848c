"""Our side: the product's own runner, cache and chunks of the prompt."""

import time
from collections.abc import Sequence

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.decoding.decode import prefill
from coder_lsp.engine.device.runtime import choose_num_threads
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.prefill_pace import PrefillPace
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.settings import Providers

_NUM_REAL_ROWS = 64
"""Rows of the cache that are computed; those of a long past are copies of them."""
_PACE_PASSES = 3


class OurModel:
    """A model folder. How long loading took is ``load_seconds``."""

    def __init__(
        self,
        folder: ModelFolder,
        num_threads: int,
        capacity: int,
        providers: Providers = "cpu",
    ) -> None:
        started = time.perf_counter()
        self.manifest = folder.manifest
        self._runner = ModelRunner(folder, choose_num_threads(num_threads), providers, capacity)
        self.load_seconds = time.perf_counter() - started
        self.provider = self._runner.provider
        names = (folder.manifest.tokenizer, folder.manifest.graph)
        self.weight_bytes = sum(
            entry.size for name, entry in folder.manifest.files.items() if name not in names
        )
        self._pace = PrefillPace(folder.manifest.cache.num_layers)
        self._cache = self._runner.create_cache(capacity)
        for _ in range(_PACE_PASSES):  # the pace is learnt, as when the server starts
            self._cache.trim(self._cache.offset)
            prefill(self._runner, self._cache, _some_ids(), self._pace, CancellationToken())

    @property
    def cache_bytes_per_token(self) -> int:
        """Bytes of the KV cache that a token takes."""
        return CacheTensors.of(self.manifest.cache).token_bytes

    def set_past(self, num_tokens: int) -> None:
        """Fill the cache up with copies of rows: what stands in them costs the same."""
        self._cache.trim(self._cache.offset - _NUM_REAL_ROWS)
        rows = self._cache.rows(0, _NUM_REAL_ROWS)
        while (missing := num_tokens - self._cache.offset) > 0:
            self._cache.append_rows(_some_ids()[:missing], rows)

    def prefill_ms(self, token_ids: Sequence[int]) -> float:
        """Read tokens in the product's chunks."""
        past = self._cache.offset
        prompt = [*self._cache.token_ids, *token_ids]
        started = time.perf_counter()
        prefill(self._runner, self._cache, prompt, self._pace, CancellationToken())
        elapsed = time.perf_counter() - started
        self._cache.trim(self._cache.offset - past)
        return 1000 * elapsed

    def decode_ms(self, token_ids: Sequence[int]) -> float:
        """Read these tokens one by one, and find the likeliest next one after each.

        Greedy decoding does the same work. No drafts are used: ``bench lookup`` measures them.
        """
        past = self._cache.offset
        started = time.perf_counter()
        for token_id in token_ids:
            logits = self._runner.run(self._cache, [token_id], CancellationToken())
            logits[-1].argmax()
        elapsed = time.perf_counter() - started
        self._cache.trim(self._cache.offset - past)
        return 1000 * elapsed / len(token_ids)


def _some_ids() -> list[int]:
    return list(range(_NUM_REAL_ROWS))
