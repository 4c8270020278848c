"""What the scheduler reports while it works; the server's edge shows it to the user."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Observer(Protocol):
    """Called on the event loop."""

    def waiting(self) -> AbstractContextManager[None]:
        """Inside the block a user waits for the model."""
        ...

    def succeed(self) -> None:
        """Note that a generation ended without an error."""
        ...

    def warm_up(self, percent: int) -> None:
        """Note how much of the window around the cursor has been computed."""
        ...

    def end_warming_up(self) -> None:
        """Note that no window is being computed any more."""
        ...

    def report(self, error: BaseException) -> None:
        """Log that work failed for which nobody waits."""
        ...


def percentages(tell: Callable[[int], None]) -> Callable[[float], None]:
    """Return what a worker may call with a share of 1; ``tell`` gets each new per cent once.

    ``tell`` is called on the event loop that is running now.
    """
    loop = asyncio.get_running_loop()
    told = -1

    def report(share: float) -> None:
        nonlocal told
        percent = int(100 * share)
        if percent != told:
            told = percent
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(tell, percent)

    return report
