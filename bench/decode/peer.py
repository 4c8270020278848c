"""The peer's side: llama-server, timed by its own clock, so that HTTP costs it nothing."""

import random
from collections.abc import Sequence
from typing import Any

from bench.decode.subject import random_ids
from bench.errors import PeerError
from bench.llama_server import LlamaServer

_PATH = "/completion"
_EQUALISING_TEMPERATURE = 1e4


class LlamaModel:
    """A running llama-server. Its past is computed, since nobody else can fill it."""

    def __init__(self, server: LlamaServer, num_text_ids: int) -> None:
        self._server = server
        self._num_text_ids = num_text_ids
        self._chance = random.Random(0)  # noqa: S311 (tokens of a measurement)
        self._past: list[int] = []

    def set_past(self, num_tokens: int) -> None:
        """Let the server read tokens until it holds so many."""
        missing = num_tokens - len(self._past)
        self._past += random_ids(self._chance, missing, self._num_text_ids)
        self._ask(self._past, 1)

    def prefill_ms(self, token_ids: Sequence[int]) -> float:
        """Return the server's ``prompt_ms``; raise ``PeerError`` where it read more than these."""
        timings = self._ask([*self._past, *token_ids], 1)
        if timings["prompt_n"] != len(token_ids):
            raise PeerError(
                f"llama-server should have read {len(token_ids)} tokens after {len(self._past)} it "
                f"knew, but read {timings['prompt_n']}; its cache was not kept."
            )
        elapsed: float = timings["prompt_ms"]
        return elapsed

    def decode_ms(self, token_ids: Sequence[int]) -> float:
        """Return ``predicted_ms`` per token; the first one comes with the prompt and is not in it.

        The server cannot be given the tokens that it writes. So it reads the first of these, and
        then draws each of its own among the 40 likeliest, which the temperature makes equally
        likely. The second of these is the seed.
        """
        first, seed = token_ids[:2]
        timings = self._ask([*self._past, first], len(token_ids) + 1, seed)
        elapsed: float = timings["predicted_ms"] / (timings["predicted_n"] - 1)
        return elapsed

    def _ask(self, token_ids: Sequence[int], num_tokens: int, seed: int = 0) -> dict[str, Any]:
        answer = self._server.ask(
            _PATH,
            {
                "prompt": list(token_ids),
                "n_predict": num_tokens,
                "ignore_eos": True,
                "samplers": ["top_k", "temperature"],
                "top_k": 40,
                "temperature": _EQUALISING_TEMPERATURE,
                "seed": seed,
                "cache_prompt": True,
            },
        )
        timings: dict[str, Any] = answer["timings"]
        return timings
