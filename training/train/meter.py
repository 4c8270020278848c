"""Means and speed since the last line of the log."""

import time


class Meter:
    """Collects what happens between two lines of the log."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget all, as after a pause."""
        self._since = time.monotonic()
        self._losses: list[float] = []
        self._tokens = 0

    def add(self, loss: float, num_tokens: int) -> None:
        """Count a step."""
        self._losses.append(loss)
        self._tokens += num_tokens

    @property
    def mean_loss(self) -> float:
        """Mean loss a token, in nats."""
        return sum(self._losses) / max(len(self._losses), 1)

    @property
    def tokens_per_second(self) -> float:
        """Speed, everything included."""
        return self._tokens / max(time.monotonic() - self._since, 1e-9)
