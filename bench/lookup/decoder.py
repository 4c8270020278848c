"""One model with one cache, continued by the product's own prefill and decode."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np
import numpy.typing as npt

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.kv_cache import KVCache
from coder_lsp.engine.decoding.decode import decode, prefill
from coder_lsp.engine.decoding.drafter import Drafter, Drafts, LookupMode
from coder_lsp.engine.decoding.forced_text import ForcedText, Vocabulary
from coder_lsp.engine.decoding.sampler import Sampler
from coder_lsp.engine.device.runtime import choose_num_threads
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.prefill_pace import PrefillPace
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Seconds:
    """``wall`` is what a user waits; ``cpu``, of all threads, tells the same on a busy machine."""

    wall: float
    cpu: float

    @classmethod
    def since(cls, start: "Seconds") -> "Seconds":
        """Return what has passed since ``start``."""
        now = cls.now()
        return cls(now.wall - start.wall, now.cpu - start.cpu)

    @classmethod
    def now(cls) -> "Seconds":
        """Return a start."""
        return cls(time.perf_counter(), time.process_time())


@dataclass(frozen=True, slots=True)
class Continuation:
    """``seconds`` from the first token to the last; ``widths`` of the passes run between them."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    seconds: Seconds
    widths: tuple[int, ...]


class CountingRunner(ModelRunner):
    """The product's runner, which remembers how wide its passes were."""

    def __init__(self, folder: ModelFolder, num_threads: int) -> None:
        super().__init__(folder, num_threads)
        self.widths = list[int]()

    def run(
        self,
        cache: KVCache,
        token_ids: Sequence[int],
        cancellation: CancellationToken,
        num_logits: int = 1,
    ) -> npt.NDArray[np.float32]:
        """Run, and remember the width."""
        self.widths.append(len(token_ids))
        return super().run(cache, token_ids, cancellation, num_logits)


class Decoder:
    """Continues prompts greedily; what two prompts share is read once."""

    def __init__(self, folder: ModelFolder, capacity: int) -> None:
        folder.verify_files()
        self.manifest = folder.manifest
        self._pace = PrefillPace(folder.manifest.cache.num_layers)
        self.tokenizer = Tokenizer(folder.tokenizer_path)
        self._runner = CountingRunner(folder, choose_num_threads(0))
        self._cache = self._runner.create_cache(capacity)
        fim = self.manifest.fim
        self._end_ids = (*fim.prompt_ids, fim.eos)
        vocabulary = Vocabulary(self.tokenizer, range(self.manifest.num_generable_ids))
        self._newline_ids = vocabulary.containing(b"\n")

    def create_drafter(self, mode: LookupMode) -> Drafter:
        """Return a drafter that knows nothing yet."""
        return Drafter(self.manifest.fim, self._end_ids, self._newline_ids, mode)

    def continue_prompt(
        self,
        prompt_ids: Sequence[int],
        drafts: Drafts,
        num_tokens: int,
        until: Literal["limit", "line end"] = "limit",
    ) -> Continuation:
        """Generate up to ``num_tokens`` tokens; a control token or ``until`` is the last."""
        last_ids = {*self._end_ids, *(self._newline_ids if until == "line end" else ())}
        logits = self._read(prompt_ids)
        tokens = decode(
            self._runner,
            self._cache,
            logits,
            self._sampler(),
            ForcedText(Vocabulary(self.tokenizer, ()), self.tokenizer, b""),
            drafts,
            num_tokens,
            CancellationToken(),
        )
        self._runner.widths.clear()
        found = [next(tokens)]
        started = Seconds.now()
        while found[-1].token_id not in last_ids and len(found) < num_tokens:
            found.append(next(tokens))
        seconds = Seconds.since(started)
        return Continuation(
            tuple(token.token_id for token in found),
            tuple(token.logprob for token in found),
            seconds,
            tuple(self._runner.widths),
        )

    def continue_plainly(
        self, prompt_ids: Sequence[int], num_tokens: int
    ) -> tuple[Continuation, tuple[float, ...]]:
        """Generate token by token in the simplest way; also return how far ahead each one was.

        This is what decoding with drafts is compared with, so it shares no code with it.
        """
        logits, sampler = self._read(prompt_ids), self._sampler()
        found, leads = [], []
        while True:
            found.append(sampler.sample(logits))
            second, first = np.partition(logits[: self.manifest.num_generable_ids], -2)[-2:]
            leads.append(float(first - second))
            if len(found) == num_tokens or found[-1].token_id in self._end_ids:
                break
            logits = self._runner.run(self._cache, [found[-1].token_id], CancellationToken())[-1]
        ids, logprobs = zip(*((t.token_id, t.logprob) for t in found), strict=True)
        return Continuation(ids, logprobs, Seconds(0, 0), (1,) * (len(found) - 1)), tuple(leads)

    def time_pass(self, token_ids: Sequence[int]) -> Seconds:
        """Return the time of a pass over these tokens, after what was read last."""
        started = Seconds.now()
        self._runner.run(self._cache, token_ids, CancellationToken(), num_logits=len(token_ids))
        seconds = Seconds.since(started)
        self._cache.trim(len(token_ids))
        return seconds

    def _read(self, prompt_ids: Sequence[int]) -> npt.NDArray[np.float32]:
        pairs = zip(self._cache.token_ids, prompt_ids[:-1], strict=False)
        num_shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._cache.trim(self._cache.offset - num_shared)
        return prefill(self._runner, self._cache, prompt_ids, self._pace, CancellationToken())

    def _sampler(self) -> Sampler:
        return Sampler(GenerationOptions(), self._end_ids, self.manifest.num_generable_ids)
