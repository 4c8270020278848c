"""Running an exported model in every way the product does, and comparing with the reference.

It runs on the product's own engine: what is proved is what is shipped.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import ModelFolder

Logits = npt.NDArray[np.float32]


class Sequence:
    """One sequence in one cache of an exported model; every position's logits are returned."""

    def __init__(self, runner: ModelRunner, capacity: int) -> None:
        self._runner = runner
        self._cache = runner.create_cache(capacity)

    @property
    def offset(self) -> int:
        """Number of tokens read."""
        return self._cache.offset

    def append(self, token_ids: list[int], num_logits: int | None = None) -> Logits:
        """Read tokens; return the logits of the last ``num_logits`` of them, or of all."""
        number = len(token_ids) if num_logits is None else num_logits
        return self._runner.run(self._cache, token_ids, CancellationToken(), number).copy()

    def append_in_chunks(self, token_ids: list[int], sizes: Iterable[int]) -> Logits:
        """Read tokens in chunks of the given sizes, and the rest one by one."""
        parts, start = [], 0
        for size in sizes:
            parts.append(self.append(token_ids[start : start + size]))
            start += size
        parts += [self.append([token_id]) for token_id in token_ids[start:]]
        return np.concatenate(parts)

    def rewind(self, offset: int) -> None:
        """Forget all tokens from ``offset`` on."""
        self._cache.trim(self._cache.offset - offset)


def load_runner(model_folder: Path) -> ModelRunner:
    """Return an exported model, its files checked."""
    folder = ModelFolder.read(model_folder)
    folder.verify_files()
    return ModelRunner(folder, num_threads=2)


def at_once(sequence: Sequence, token_ids: list[int]) -> Logits:
    """One run for all tokens."""
    return sequence.append(token_ids)


def in_chunks(sequence: Sequence, token_ids: list[int]) -> Logits:
    """Chunks of uneven size."""
    sizes = [64, 1, 7, 33]
    while sum(sizes) < len(token_ids):
        sizes.append(128)
    return sequence.append_in_chunks(token_ids, sizes)


def one_by_one(sequence: Sequence, token_ids: list[int]) -> Logits:
    """Read a short prompt, then single tokens."""
    return sequence.append_in_chunks(token_ids, [5])


def after_rewind(sequence: Sequence, token_ids: list[int]) -> Logits:
    """Something else is read first and forgotten, then again in the middle."""
    middle = len(token_ids) // 2
    sequence.append(token_ids[::-1])
    sequence.rewind(0)
    first = sequence.append(token_ids[:middle])
    sequence.append(token_ids[:middle])
    sequence.rewind(middle)
    return np.concatenate([first, sequence.append(token_ids[middle:])])


WAYS: tuple[Callable[[Sequence, list[int]], Logits], ...] = (
    at_once,
    in_chunks,
    one_by_one,
    after_rewind,
)
