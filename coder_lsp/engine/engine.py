"""The model: prompts in, text out piece by piece, with KV caches in memory and on disk.

All calls take and return plain data: token ids, texts, numbers and names. A sequence id names a
sequence in memory, and a document names one on disk; the empty document has none.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from coder_lsp.engine.cache.kv_cache import bytes_for
from coder_lsp.engine.cache.prefix_cache import PrefixCache
from coder_lsp.engine.common_prefix import num_shared
from coder_lsp.engine.decoding.decode import decode, measure_pace, prefill
from coder_lsp.engine.decoding.detokenizer import Detokenizer
from coder_lsp.engine.decoding.drafter import Drafter
from coder_lsp.engine.decoding.forced_text import ForcedText, Vocabulary
from coder_lsp.engine.decoding.sampler import Sampler
from coder_lsp.engine.decoding.text_chunks import text_chunks
from coder_lsp.engine.device.heap import return_freed_memory
from coder_lsp.engine.device.memory import cache_bytes_of_a_document
from coder_lsp.engine.device.runtime import choose_num_threads
from coder_lsp.engine.device.sizes import cache_bytes_for, context_for_pace
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.options import EngineOptions, Preparation, PromptCost
from coder_lsp.engine.store.sequence_store import (
    DiskCacheOptions,
    SequenceStore,
    SequenceStoreStats,
)
from coder_lsp.errors import Cancelled, EngineError, OutOfMemory
from coder_lsp.generation import (
    GenerationChunk,
    GenerationOptions,
    GenerationUsage,
)
from coder_lsp.models.verified_files import verify_changed_files
from coder_lsp.paths import verified_path
from coder_lsp.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.cache.kv_cache import KVCache
    from coder_lsp.engine.decoding.sampler import SampledToken
    from coder_lsp.models.model_folder import Manifest, ModelFolder


_TAG = re.compile(r"</?\w+>")


class Engine:
    """Owns the ``InferenceSession`` and the caches; called from one thread only, so no lock."""

    def __init__(self, folder: ModelFolder, options: EngineOptions) -> None:
        """Check the files and load them. Raises ``ModelFolderError`` and ``EngineError``."""
        verify_changed_files(folder, verified_path())
        return_freed_memory()
        self._manifest = folder.manifest
        self._tokenizer = Tokenizer(folder.tokenizer_path)
        num_threads = choose_num_threads(options.num_threads)
        self._runner = ModelRunner(folder, num_threads, options.providers, options.context_tokens)
        # A tokenizer may join newlines, so one newline is encoded.
        newline = self._tokenizer.encode("\n")
        self._pace = measure_pace(self._runner, newline, folder.manifest.cache.num_layers)
        self._context_tokens = self._choose_context(options)
        self._cache_bytes = self._choose_cache_bytes(options)
        self._store = self._create_store(options.disk_cache)
        layout, fim = folder.manifest.cache, folder.manifest.fim
        self._prefix_cache = PrefixCache(
            self._runner.create_cache,
            lambda capacity: bytes_for(layout, capacity),
            self._cache_bytes,
            self._store,
        )
        # DeepSeek's tokenizers do not mark the FIM tokens as special, so the manifest's count too.
        vocab_size = folder.manifest.architecture.vocab_size
        control_ids = (i for i in self._tokenizer.control_tokens.values() if i < vocab_size)
        self._end_ids = frozenset((*fim.prompt_ids, fim.eos, *control_ids))
        text_ids = (i for i in range(folder.manifest.num_generable_ids) if i not in self._end_ids)
        self._vocabulary = Vocabulary(self._tokenizer, text_ids)
        newline_ids = self._vocabulary.containing(b"\n")
        self._drafter = Drafter(fim, self._end_ids, newline_ids, options.lookup)

    @property
    def manifest(self) -> Manifest:
        """The model's manifest."""
        return self._manifest

    @property
    def provider(self) -> str:
        """The execution provider that runs the model."""
        return self._runner.provider

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know about where the model runs, each with a remedy."""
        return self._runner.choice.notices

    @property
    def context_tokens(self) -> int:
        """The longest sequence: what the options say, or what was chosen."""
        return self._context_tokens

    @property
    def cache_bytes(self) -> int:
        """The budget of all KV caches: what the options say, or what was chosen."""
        return self._cache_bytes

    @property
    def seconds_per_token(self) -> float:
        """The measured time that a token of a prompt takes."""
        return self._pace.seconds_per_token or 0.0

    @property
    def control_names(self) -> tuple[str, ...]:
        """The names of the tokens that steer the model, but for those that are tags of HTML too."""
        return tuple(name for name in self._tokenizer.control_tokens if not _TAG.fullmatch(name))

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self._tokenizer

    def generate(
        self,
        sequence_id: str,
        prompt_ids: Sequence[int],
        options: GenerationOptions,
        cancellation: CancellationToken,
        forced: bytes = b"",
        *,
        begun: Sequence[int] = (),
        document: str = "",
    ) -> Generator[GenerationChunk, None, None]:
        """Yield text after ``prompt_ids``, a chunk for each token.

        An empty chunk comes first, with the counts that are known before the prompt is computed.

        ``sequence_id`` names the cached sequence that the prompt continues and that will hold it.
        ``forced`` (UTF-8) is what the generated text must begin with; it is not part of the
        chunks' text, but its tokens count as generated. ``begun`` are tokens to begin with, as if
        they had been chosen. If the generation is cancelled, the last chunk's reason is
        "cancelled". Raises ``EngineError``.
        """
        num_prompt_tokens = len(prompt_ids)
        self._check_length(prompt_ids, options)
        token_ids = [*prompt_ids, *begun]
        capacity = num_prompt_tokens + options.max_new_tokens
        cache = self._take(sequence_id, token_ids, capacity, cancellation, document)
        usage = GenerationUsage(num_prompt_tokens, min(cache.offset, num_prompt_tokens), len(begun))
        forced_text = ForcedText(self._vocabulary, self._tokenizer, forced)
        detokenizer = Detokenizer(self._tokenizer, len(forced))
        text = ""
        for token_id in begun:
            forced_text.advance(token_id)
            text += detokenizer.add(token_id)
        yield GenerationChunk(text, usage=usage)
        left = replace(options, max_new_tokens=max(options.max_new_tokens - len(begun), 1))
        tokens = self._tokens(cache, token_ids, left, forced_text, cancellation)
        stops = options.stop_strings
        yield from text_chunks(tokens, detokenizer, self._end_ids, stops, usage, cache)

    def cost(self, prompt_ids: Sequence[int], seconds: float, document: str = "") -> PromptCost:
        """Return what computing a prompt would cost, and what ``seconds`` suffice for."""
        num_held = self._prefix_cache.num_held(prompt_ids, document)
        return PromptCost(len(prompt_ids) - num_held, self._pace.tokens_within(seconds) or 0)

    def prepare(
        self,
        sequence_id: str,
        prompt_ids: Sequence[int],
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
        document: str = "",
    ) -> Preparation:
        """Compute a prompt ahead; what was computed before a cancellation stays.

        ``on_progress`` is given the share of the prompt that is computed, after each chunk.
        """
        token_ids = list(prompt_ids)
        self._check_length(token_ids, GenerationOptions(max_new_tokens=1))
        if self._prefix_cache.holds(sequence_id, token_ids):
            return Preparation(0, is_complete=True)
        cache = self._take(sequence_id, token_ids, len(token_ids), cancellation, document)
        num_cached = cache.offset
        try:
            prefill(self._runner, cache, token_ids, self._pace, cancellation, on_progress)
        except Cancelled:
            return Preparation(cache.offset - num_cached, is_complete=False)
        return Preparation(cache.offset - num_cached, is_complete=True)

    def save(
        self,
        sequence_id: str,
        prompt_ids: Sequence[int],
        document: str,
        cancellation: CancellationToken,
    ) -> bool:
        """Keep a prompt's sequence on disk, if enough of it is new; return whether it was written.

        For idle time: it writes a few megabytes between two looks at the cancellation token.
        """
        cache = self._prefix_cache.get(sequence_id)
        if self._store is None or cache is None:
            return False
        num_tokens = num_shared(cache.token_ids, prompt_ids)
        return self._store.save(document, cache, num_tokens, cancellation)

    def forget(self, sequence_id: str) -> None:
        """Free a sequence; an unknown one does no harm."""
        self._prefix_cache.forget(sequence_id)

    def retire(self, sequence_id: str, prompt_ids: Sequence[int], document: str) -> bool:
        """Free a sequence, and write it to disk meanwhile if it is new; return whether it is."""
        cache = self._prefix_cache.forget(sequence_id)
        if self._store is None or cache is None:
            return False
        num_tokens = num_shared(cache.token_ids, prompt_ids)
        return self._store.save_later(document, cache, num_tokens)

    def stored_name(self, document: str) -> str:
        """Return the name of a document's files on disk; empty without a disk cache."""
        return "" if self._store is None else self._store.name(document)

    def close(self) -> None:
        """Wait until everything that is to be kept has been written."""
        if self._store is not None:
            self._store.close()

    def stats(self) -> Mapping[str, int]:
        """Return what the caches hold now, and what was read from disk."""
        disk = SequenceStoreStats() if self._store is None else self._store.stats()
        return {**asdict(self._prefix_cache.stats()), **asdict(disk)}

    def _take(
        self,
        sequence_id: str,
        token_ids: Sequence[int],
        capacity: int,
        cancellation: CancellationToken,
        document: str,
    ) -> KVCache:
        try:
            return self._prefix_cache.take(sequence_id, token_ids, capacity, cancellation, document)
        except OutOfMemory:
            # Other programs may have taken what was planned for: the next request finds more.
            self._prefix_cache.clear()
            raise

    def _choose_context(self, options: EngineOptions) -> int:
        planned = min(self._runner.context_tokens, self._manifest.context_length)
        if options.context_tokens:
            return planned
        return context_for_pace(planned, self.seconds_per_token)

    def _choose_cache_bytes(self, options: EngineOptions) -> int:
        left = self._runner.choice.cache_bytes
        if not options.cache_bytes:
            return cache_bytes_for(self._manifest, self._context_tokens, left)
        minimum = cache_bytes_of_a_document(self._manifest, self._context_tokens)
        return max(options.cache_bytes if left is None else min(options.cache_bytes, left), minimum)

    def _create_store(self, options: DiskCacheOptions | None) -> SequenceStore | None:
        if options is None:
            return None
        runner = self._runner
        return SequenceStore(options, self._manifest, runner.provider, runner.create_cache)

    def _tokens(
        self,
        cache: KVCache,
        token_ids: Sequence[int],
        options: GenerationOptions,
        forced: ForcedText,
        cancellation: CancellationToken,
    ) -> Iterator[SampledToken]:
        logits = prefill(self._runner, cache, token_ids, self._pace, cancellation)
        yield from decode(
            self._runner,
            cache,
            logits,
            Sampler(options, self._end_ids, self._manifest.num_generable_ids),
            forced,
            self._drafter.begin(token_ids),
            options.max_new_tokens,
            cancellation,
        )

    def _check_length(self, token_ids: Sequence[int], options: GenerationOptions) -> None:
        needed, limit = len(token_ids) + options.max_new_tokens, self._manifest.context_length
        if not token_ids or needed > limit:
            raise EngineError(
                f"A prompt of {len(token_ids)} tokens and a completion of {options.max_new_tokens} "
                f"should fit into the model's {limit}; lower contextTokens or maxNewTokens.",
                kind="length",
            )
