"""Rounds in which every side has its turn, so that the machine's moods meet all alike."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.decode.subject import NUM_DECODED, Subject, random_ids

Point = tuple[int, int]
"""Length of the past, and tokens that are read after it; 0 stands for decoding."""
DECODING = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """``widths`` are of passes of the prompt, in tokens; decoding is measured at each past, too."""

    pasts: Sequence[int]
    widths: Sequence[int]
    rounds: int

    @property
    def capacity(self) -> int:
        """Tokens that a cache must have room for."""
        return max(self.pasts) + max(self.widths) + 2 * NUM_DECODED


@dataclass(frozen=True, slots=True)
class Readings:
    """Milliseconds by side and point, one for each round."""

    ms: Mapping[str, Mapping[Point, Sequence[float]]]

    def median(self, side: str, point: Point) -> float:
        """Return a side's median."""
        return statistics.median(self.ms[side][point])

    def ratio(self, side: str, other: str, point: Point) -> float:
        """Return the median of the rounds' ratios: how much faster ``side`` is than ``other``."""
        pairs = zip(self.ms[side][point], self.ms[other][point], strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)

    def difference(self, minuend: str, subtrahend: str, point: Point) -> list[float]:
        """Return what a side took more than another, round by round."""
        pairs = zip(self.ms[minuend][point], self.ms[subtrahend][point], strict=True)
        return [more - less for more, less in pairs]


def measure_rounds(
    subjects: Mapping[str, Subject],
    plan: Plan,
    num_text_ids: int,
    tell: Callable[[str], None],
) -> Readings:
    """Measure every side at every point; who begins changes from round to round."""
    chance = random.Random(1)  # noqa: S311 (tokens of a measurement)
    ms: dict[str, dict[Point, list[float]]] = {side: {} for side in subjects}
    for past in sorted(plan.pasts):
        for side, subject in subjects.items():
            tell(f"{side}: a past of {past:,} tokens")
            subject.set_past(past)
            subject.prefill_ms(random_ids(chance, 1, num_text_ids))  # allocates, warms up
            subject.decode_ms(random_ids(chance, NUM_DECODED, num_text_ids))
        for number in range(plan.rounds):
            tell(f"past of {past:,}: round {number + 1} of {plan.rounds}")
            sides = list(subjects.items())
            stream = random_ids(chance, NUM_DECODED, num_text_ids)
            for side, subject in sides[number % len(sides) :] + sides[: number % len(sides)]:
                for width in plan.widths:
                    token_ids = random_ids(chance, width, num_text_ids)
                    readings = ms[side].setdefault((past, width), [])
                    readings.append(subject.prefill_ms(token_ids))
                ms[side].setdefault((past, DECODING), []).append(subject.decode_ms(stream))
    return Readings(ms)
