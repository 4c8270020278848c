"""How fast prompts are computed on this machine, measured with every chunk."""

MAX_SECONDS_PER_LAYER = 0.08
"""A running graph is interrupted only between two nodes. The slowest node, the experts, takes about
half of a layer's time, and a user who continues to type should wait at most 40 ms for it."""
FIRST_CHUNK = 32
SMALLEST_CHUNK = 8
LARGEST_CHUNK = 256
_MIN_MEASURED = 8  # with fewer tokens the fixed costs dominate
_WEIGHT = 0.3


class PrefillPace:
    """A moving average of the time that a token of a prompt takes."""

    def __init__(self, num_layers: int) -> None:
        self._chunk_seconds = MAX_SECONDS_PER_LAYER * num_layers
        self._seconds_per_token: float | None = None

    @property
    def seconds_per_token(self) -> float | None:
        """The time that a token takes; None before anything was measured."""
        return self._seconds_per_token

    @property
    def chunk_size(self) -> int:
        """The number of tokens to compute between two looks at the cancellation token."""
        if self._seconds_per_token is None:
            return FIRST_CHUNK
        size = int(self._chunk_seconds / self._seconds_per_token)
        return min(max(size, SMALLEST_CHUNK), LARGEST_CHUNK)

    def record(self, num_tokens: int, seconds: float) -> None:
        """Record a chunk."""
        if num_tokens < _MIN_MEASURED:
            return
        measured = seconds / num_tokens
        before = measured if self._seconds_per_token is None else self._seconds_per_token
        self._seconds_per_token = before + _WEIGHT * (measured - before)

    def tokens_within(self, seconds: float) -> int | None:
        """Return how many tokens can be computed in a time; None before anything was measured."""
        if self._seconds_per_token is None:
            return None
        return int(seconds / self._seconds_per_token)
