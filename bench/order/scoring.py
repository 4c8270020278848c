r"""How likely a model finds the right answer after a prompt, and whether it writes it.

Let h be the healed text, which the prompt leaves out and the generated text must begin with, and g
the gold remainder of the line. The answer is h + g and then the line's end. h + g is tokenised as a
whole, t_1 … t_m, as it was in training. Let r_i be what is left of h + g before t_i. The model can
finish the line before any t_i by a token that holds r_i and a line end: Qwen's vocabulary has "):"
and the newline in one. After t_m it finishes by a line end or by the end of the middle. With E_i
for these tokens, blanks before the line end aside, the cost of the answer in nats is

    -log P(g, line end | prompt, h) = -log Σ_{i ≤ m+1} p(t_1 … t_{i-1}) · Σ_{e ∈ E_i} p(e | t_1 …)

Each p is renormalised over the tokens that may come. As long as bytes of h are to come, these are
the tokens that begin with them or that they begin with, and afterwards all tokens that may be
generated. The sum is the probability with which the engine draws the line at temperature 1, and
the healed bytes cost only what the constraint leaves open.

Without the line's end the figure would mislead: a model that is sure of "):" and a newline gives
"):" alone almost nothing, and a line that the model continues would count as found.
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
        self._end_ids = frozenset((*fim.prompt_ids, fim.eos))
        generable = range(folder.manifest.num_generable_ids)
        free_ids = [i for i in generable if i not in self._template_ids]
        self._free_ids = np.array(free_ids, np.int64)
        self._vocabulary = Vocabulary(self.tokenizer, (i for i in free_ids if i != fim.eos))
        line_ends = [i for i in free_ids if i == fim.eos or self._ends_line(i, 0)]
        self._line_ends = np.array(line_ends, np.int64)

    def score(self, sequence_id: str, prompt: Prompt, remainder: str) -> Answer:
        """Score the gold ``remainder`` of a line after a prompt, and let the model write its own.

        ``sequence_id`` names the cached sequence to go on from.
        """
        wanted = (prompt.healed + remainder).rstrip()
        answer_ids = self.tokenizer.encode(wanted)
        prompt_ids = list(prompt.token_ids)
        capacity = len(prompt_ids) + max(len(answer_ids), MAX_NEW_TOKENS)
        cache = self._sequences.take(sequence_id, prompt_ids, capacity, CancellationToken())
        first = prefill(self._runner, cache, prompt_ids, self._pace, CancellationToken())
        nats = self._nats(cache, first, answer_ids, prompt.healed)
        return Answer(nats, self._writes(cache, first, prompt.healed, wanted.encode()))

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
        rows = [first]
        if answer_ids:
            rows += list(
                self._runner.run(cache, answer_ids, CancellationToken(), num_logits=len(answer_ids))
            )
            cache.trim(len(answer_ids))
        rest = b"".join(map(self.tokenizer.token_bytes, answer_ids))
        forced, begun, finished = self._forced(healed), 0.0, list[float]()
        for i, row in enumerate(rows):
            logprobs = self.log_probabilities(row, forced)
            finishing = self._finishing(rest)
            if len(finishing):
                finished.append(begun + float(np.logaddexp.reduce(logprobs[finishing])))
            if i < len(answer_ids):
                begun += float(logprobs[answer_ids[i]])
                forced.advance(answer_ids[i])
                rest = rest[len(self.tokenizer.token_bytes(answer_ids[i])) :]
        return -float(np.logaddexp.reduce(finished))

    def _finishing(self, rest: bytes) -> npt.NDArray[np.int64]:
        """Return the tokens that hold ``rest`` and then a line end; with no rest, the end too."""
        if not rest:
            return self._line_ends
        candidates = self._vocabulary.compatible(rest)
        return np.array([i for i in candidates if self._ends_line(int(i), len(rest))], np.int64)

    def _ends_line(self, token_id: int, start: int) -> bool:
        """Whether a token has, from ``start`` on, a line end or blanks and a line end."""
        return self.tokenizer.token_bytes(token_id)[start:].lstrip(b" \t\r").startswith(b"\n")

    def _writes(self, cache: KVCache, first: Logits, healed: str, wanted: bytes) -> bool:
        """Whether greedy decoding writes ``wanted`` as its first line, blanks at the end aside.

        A line is given up as soon as it has become another line.
        """
        written = b""
        for token in decode(
            self._runner,
            cache,
            first.copy(),
            Sampler(GenerationOptions(), self._end_ids, self.manifest.num_generable_ids),
            self._forced(healed),
            NoDrafts(),
            MAX_NEW_TOKENS,
            CancellationToken(),
        ):
            if token.token_id in self._end_ids:
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
