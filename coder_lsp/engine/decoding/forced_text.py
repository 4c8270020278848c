"""A constraint on generated tokens: their bytes must begin with a given text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from coder_lsp.tokenizer import Tokenizer


class Vocabulary:
    """The bytes of all tokens in order, so that those with a common beginning are neighbours."""

    def __init__(self, tokenizer: Tokenizer, token_ids: Iterable[int]) -> None:
        entries = sorted((tokenizer.token_bytes(i), i) for i in token_ids)
        entries = [(text, i) for text, i in entries if text]
        self._texts = [text for text, _ in entries]
        self._ids = np.array([i for _, i in entries], np.int64)

    def containing(self, text: bytes) -> frozenset[int]:
        """Return the tokens that contain ``text``."""
        pairs = zip(self._texts, self._ids, strict=True)
        return frozenset(int(token_id) for token, token_id in pairs if text in token)

    def compatible(self, forced: bytes) -> npt.NDArray[np.int64]:
        """Return the tokens that begin with ``forced``, and those that ``forced`` begins with."""
        first = bisect_left(self._texts, forced)
        last = bisect_right(self._texts, forced, lo=first, key=lambda text: text[: len(forced)])
        found = [self._ids[first:last]]
        for length in range(1, len(forced)):
            start = bisect_left(self._texts, forced[:length])
            end = bisect_right(self._texts, forced[:length], lo=start)
            found.append(self._ids[start:end])
        return np.concatenate(found)


class ForcedText:
    """The rest of a forced text that is still to be generated; empty when the model is free."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer, forced: bytes) -> None:
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer
        self._rest = forced

    @property
    def is_pending(self) -> bool:
        """Whether a part of it is still to come."""
        return bool(self._rest)

    def allowed_ids(self) -> npt.NDArray[np.int64] | None:
        """Return the tokens that may come next; None if all may."""
        return self._vocabulary.compatible(self._rest) if self._rest else None

    def advance(self, token_id: int) -> None:
        """Record a token that was generated."""
        if self._rest:
            self._rest = self._rest[len(self._tokenizer.token_bytes(token_id)) :]
