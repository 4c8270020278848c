"""Waiting until something is done, a deadline passes or a request is superseded."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coder_lsp.cancellation import CancellationToken


def now() -> float:
    """Return the event loop's time in seconds."""
    return asyncio.get_running_loop().time()


async def wait_until(
    done: asyncio.Future[Any] | None, cancellation: CancellationToken, deadline: float | None
) -> None:
    """Return when ``done`` is done, ``cancellation`` was cancelled or ``deadline`` has passed.

    ``deadline`` is a time of the event loop; None is no deadline.
    """
    timeout = None if deadline is None else max(0.0, deadline - now())
    with _cancelled(cancellation) as cancelled:
        futures = (cancelled,) if done is None else (done, cancelled)
        await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


@contextmanager
def _cancelled(cancellation: CancellationToken) -> Iterator[asyncio.Future[None]]:
    """Yield a future that ends when the token is cancelled."""
    cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not cancelled.done():
            cancelled.set_result(None)

    with cancellation.interrupting(end):
        yield cancelled
