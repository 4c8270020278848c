"""A piece of another place that is shown to the model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file; ``score`` says how much it resembles the place of the cursor."""

    path: str
    text: str
    score: float = 0.0
