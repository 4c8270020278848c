"""How many tokens of a draft are worth verifying: past acceptance against the cost of a pass."""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

DraftSource = Literal["text", "memory"]
"""The prompt and what was generated after it, or earlier completions."""

TokenPlace = Literal["line start", "inside", "line end"]
"""Where in a line a token is; a completion often ends with a line, or just after one."""

DRAFT_LENGTHS = (1, 2, 3, 5, 7, 11, 15)
"""Few lengths, so that the running time of each is known soon."""
MIN_GAIN = 1.05
"""Expected tokens per running time, over one token in one plain step."""
MIN_CHANCE = 0.1
"""A token that is less likely to be accepted costs more than it saves."""
MAX_PASS_SECONDS = 0.25
"""The wait for the next token should not be longer, even if more tokens then arrive at once."""
MAX_SLOW_COST = 2.0
"""If one token already takes most of that time: the maximum in running times of one token."""
_ACCEPTANCE_DECAY = 0.98
_CHOICES_TO_FORGET = 32


class DraftPolicy:
    """Learns while it is used; at first a draft is even odds, and width costs nothing.

    Acceptance is an exponential average for each source and length of match. Drafts that were not
    verified count too, because the tokens that came instead are known. A token that is right saves
    time only if the consumer still wants it, so how often it does is averaged for each place in a
    line. Costs are running times on this machine with this model, relative to one token's.
    """

    def __init__(self) -> None:
        self._acceptance: dict[tuple[DraftSource, int], _Average] = {}
        self._wanted: dict[TokenPlace, _Average] = {
            place: _Average() for place in ("line start", "inside", "line end")
        }
        self._costs = PassCosts()
        self._num_choices = 0

    def choose_length(
        self, source: DraftSource, num_matching: int, places: Sequence[TokenPlace]
    ) -> int:
        """Return how many of the tokens at ``places`` to verify, found by a match of that length.

        0 until a pass over one token was timed, because there is nothing to compare with.
        """
        if self._costs.single is None:
            return 0
        max_cost = max(MAX_PASS_SECONDS / self._costs.single, MAX_SLOW_COST)
        best_length, best_gain = 0, MIN_GAIN
        num_expected, chance = 1.0, 1.0
        for length, place in enumerate(places, start=1):
            # The next token is useful if this one is right and the consumer wants more.
            chance *= self._acceptance_of(source, num_matching + length - 1).mean
            chance *= self._wanted[place].mean
            if chance < MIN_CHANCE:
                break
            num_expected += chance
            if length in DRAFT_LENGTHS:
                cost = self._costs.relative_cost(length + 1)
                gain = num_expected / cost
                if gain > best_gain and cost <= max_cost:
                    best_length, best_gain = length, gain
        if places:
            self._forget_now_and_then()
        return best_length

    def record_outcome(self, source: DraftSource, num_matching: int, *, is_accepted: bool) -> None:
        """Record whether the model chose the token that followed a match of ``num_matching``."""
        self._acceptance_of(source, num_matching).add(is_accepted)

    def record_wanted(self, place: TokenPlace, *, is_wanted: bool) -> None:
        """Record whether another token was wanted after one at ``place``."""
        self._wanted[place].add(is_wanted)

    def record_pass(self, width: int, seconds: float) -> None:
        """Record the running time of a pass over ``width`` tokens."""
        self._costs.add(width, seconds)

    def _acceptance_of(self, source: DraftSource, num_matching: int) -> _Average:
        # Classes of 2, 3, 4–5, 6–7, 8–11, 12–15, and 16 and more.
        step = max(num_matching.bit_length() - 2, 0)
        key = (source, min(num_matching >> step << step, 16))
        acceptance = self._acceptance.get(key)
        if acceptance is None:
            acceptance = self._acceptance[key] = _Average()
        return acceptance

    def _forget_now_and_then(self) -> None:
        """Forget old running times: the machine may have been busy when a width was tried."""
        self._num_choices += 1
        if self._num_choices % _CHOICES_TO_FORGET == 0:
            self._costs.forget_half()


class PassCosts:
    """Running times of passes by width, relative to the width 1; medians of the last few.

    Medians, because on a busy machine one pass takes several times as long as the next.
    """

    def __init__(self) -> None:
        self._singles = deque[float](maxlen=25)
        self._relative: dict[int, deque[float]] = {}
        self._medians: dict[int, float] = {}
        self.single: float | None = None  # seconds of a pass over one token

    def add(self, width: int, seconds: float) -> None:
        """Add a running time."""
        if width == 1:
            self._singles.append(seconds)
            self.single = median_low(self._singles)
        elif self.single is not None:
            costs = self._relative.setdefault(width, deque(maxlen=15))
            costs.append(seconds / self.single)
            # The first pass of a width also allocates, so the lower of two counts.
            self._medians[width] = median_low(costs)

    def relative_cost(self, width: int) -> float:
        """Return the cost of a pass; a width that was never run is interpolated."""
        known = self._medians.get(width)
        return self._interpolate(width) if known is None else known

    def forget_half(self) -> None:
        """Drop the older half of the running times of each width but 1."""
        for width, costs in self._relative.items():
            for _ in range((len(costs) + 1) // 2):
                costs.popleft()
            if costs:
                self._medians[width] = median_low(costs)
            else:
                self._medians.pop(width, None)

    def _interpolate(self, width: int) -> float:
        below_width = max((w for w in self._medians if w < width), default=1)
        above_width = min((w for w in self._medians if w > width), default=None)
        below = self._medians.get(below_width, 1.0)
        if above_width is None:
            # Wider than any pass so far: each further token costs as much as up to the widest.
            slope = (below - 1) / (below_width - 1) if below_width > 1 else 0.0
        else:
            slope = (self._medians[above_width] - below) / (above_width - below_width)
        return below + slope * (width - below_width)


class _Average:
    """An exponential average of yes and no that starts at a half."""

    def __init__(self) -> None:
        self._num_yes, self._num_all = 1.0, 2.0

    @property
    def mean(self) -> float:
        return self._num_yes / self._num_all

    def add(self, is_yes: bool) -> None:  # noqa: FBT001
        self._num_yes = self._num_yes * _ACCEPTANCE_DECAY + is_yes
        self._num_all = self._num_all * _ACCEPTANCE_DECAY + 1
