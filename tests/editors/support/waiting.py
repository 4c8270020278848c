"""Waiting for what a real editor does, as long as it takes on a slow machine."""

import time
from collections.abc import Callable

# Ends a test whose condition never comes; no test asserts a time.
PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.05


def wait_until(
    has_happened: Callable[[], bool],
    expected: str,
    found: Callable[[], str] = lambda: "",
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Wait until a condition holds; fail with what was expected, and found instead."""
    deadline = time.monotonic() + patience_seconds
    while not has_happened():
        if time.monotonic() > deadline:
            message = f"waited {patience_seconds:g} s for {expected}"
            raise AssertionError(f"{message}; found instead:\n{found()}")
        time.sleep(_POLL_SECONDS)
