r"""How likely a model finds the right answer after a prompt, and whether it writes it.

Let h be the healed text, which the prompt leaves out and the generated text must begin with, and g
the gold remainder of the line. h + g is tokenised as a whole, t_1 … t_m, as it was in training. Let
r_i be what is left of h before t_i, and C(r) the tokens that begin with r or that r begins with.
The cost of the answer, in nats, is

    -log P(g | prompt, h) = Σ_i -log ( p(t_i | …) / Σ_{v ∈ V_i} p(v | …) )

where V_i is C(r_i) as long as r_i is not empty, and afterwards all tokens that may be generated.
That is the probability with which the engine draws these tokens at temperature 1: the healed bytes
cost only what the constraint leaves open. Without healing h is empty, and g is tokenised alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.kv_cache import KVCache, bytes_for
from coder_lsp.engine.cache.prefix_cache import PrefixCache
from coder_lsp.engine.decoding.decode import decode, prefill
from coder_lsp.engine.decoding.drafter import NoDrafts
from coder_lsp.engine.decoding.forced_text import ForcedText, Vocabulary
from coder_lsp.engine.decoding.sampler import Sampler
from coder_lsp.engine.device.runtime import choose_num_threads
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.prefill_pace import PrefillPace
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.prompt.build import Prompt
from coder_lsp.tokenizer import Tokenizer

Logits = npt.NDArray[np.float32]

MAX_NEW_TOKENS = 64
_CACHE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The cost of the right answer; ``is_exact``: greedy decoding writes it, and nothing more."""

    nats: float
    is_exact: bool


class Scorer:
    """One model with a few cached sequences: what two prompts share is read once."""

    def __init__(self, folder: ModelFolder, num_threads: int) -> None:
        folder.verify_files()
        self.manifest = folder.manifest
        self.tokenizer = Tokenizer(folder.tokenizer_path)
        self._runner = ModelRunner(folder, choose_num_threads(num_threads))
        self._sequences = PrefixCache(
            self._runner.create_cache,
            lambda capacity: bytes_for(folder.manifest.cache, capacity),
            _CACHE_BYTES,
        )
        self._pace = PrefillPace(folder.manifest.cache.num_layers)
        fim = folder.manifest.fim
        self._template_ids = list(fim.prompt_ids)
        generable = range(folder.manifest.num_generable_ids)
        free_ids = [i for i in generable if i not in self._template_ids]
        self._free_ids = np.array(free_ids, np.int64)
        self._vocabulary = Vocabulary(self.tokenizer, (i for i in free_ids if i != fim.eos))

    def score(self, sequence_id: str, prompt: Prompt, remainder: str) -> Answer:
        """Score the gold ``remainder`` of a line after a prompt, and let the model write its own.

        ``sequence_id`` names the cached sequence to go on from.
        """
        answer_ids = self.tokenizer.encode(prompt.healed + remainder)
        prompt_ids = list(prompt.token_ids)
        capacity = len(prompt_ids) + max(len(answer_ids), MAX_NEW_TOKENS)
        cache = self._sequences.take(sequence_id, prompt_ids, capacity, CancellationToken())
        first = prefill(self._runner, cache, prompt_ids, self._pace, CancellationToken())
        nats = self._nats(cache, first, answer_ids, prompt.healed)
        return Answer(nats, self._writes(cache, first, prompt.healed, remainder))

    def log_probabilities(self, logits: Logits, forced: ForcedText) -> npt.NDArray[np.float64]:
        """Return log p by token id, renormalised over what may come next; -inf for the rest."""
        allowed = forced.allowed_ids()
        if allowed is None:
            allowed = self._free_ids
        chosen = logits[allowed].astype(np.float64)
        chosen -= chosen.max()
        result = np.full(len(logits), -np.inf)
        result[allowed] = chosen - np.log(np.exp(chosen).sum())
        return result

    def _nats(self, cache: KVCache, first: Logits, answer_ids: Sequence[int], healed: str) -> float:
        rows, num_read = [first], len(answer_ids) - 1
        if num_read > 0:
            rows += list(
                self._runner.run(cache, answer_ids[:-1], CancellationToken(), num_logits=num_read)
            )
            cache.trim(num_read)
        forced, nats = self._forced(healed), 0.0
        for row, token_id in zip(rows, answer_ids, strict=True):
            nats -= float(self.log_probabilities(row, forced)[token_id])
            forced.advance(token_id)
        return nats

    def _writes(self, cache: KVCache, first: Logits, healed: str, remainder: str) -> bool:
        """Whether greedy decoding writes ``remainder`` as its first line, blanks at the end aside.

        A line is given up as soon as it has become another line.
        """
        wanted = (healed + remainder).rstrip().encode()
        written = b""
        for token in decode(
            self._runner,
            cache,
            first.copy(),
            Sampler(GenerationOptions(), self._template_ids, self.manifest.num_generable_ids),
            self._forced(healed),
            NoDrafts(),
            MAX_NEW_TOKENS,
            CancellationToken(),
        ):
            if token.token_id == self.manifest.fim.eos:
                break
            written += self.tokenizer.token_bytes(token.token_id)
            line, line_end, _ = written.partition(b"\n")
            if line_end or not _may_become(line, wanted):
                break
        return written.partition(b"\n")[0].rstrip() == wanted

    def _forced(self, healed: str) -> ForcedText:
        return ForcedText(self._vocabulary, self.tokenizer, healed.encode())


def _may_become(line: bytes, wanted: bytes) -> bool:
    if len(line) <= len(wanted):
        return wanted.startswith(line)
    return line.rstrip() == wanted
