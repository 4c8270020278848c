"""Counts of requests and tokens since the start."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What happened so far. Every request ends as exactly one of the last five.

    The first two count tokens that nobody waited for: tokens of prompts, and generated tokens.
    """

    background_tokens: int = 0
    background_generated_tokens: int = 0
    requests: int = 0
    shown: int = 0
    empty: int = 0
    superseded: int = 0
    cancelled: int = 0
    failed: int = 0

    def answered(self, *, is_shown: bool) -> None:
        """Count an answer, with a completion or without one."""
        self.shown += is_shown
        self.empty += not is_shown

    def as_dict(self) -> Mapping[str, int]:
        """Return the counts by name."""
        return dataclasses.asdict(self)
