"""Carries what the session counts to the file of counts: a little later, and off the event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from coder_lsp.usage.counts import Usage, today

if TYPE_CHECKING:
    from collections.abc import Callable

    from coder_lsp.usage.counts import UsageTally
    from coder_lsp.usage.usage_file import UsageFile

_log = logging.getLogger(__name__)

WRITE_AFTER_SECONDS = 1.0


class UsageRecorder:
    """Used from the event loop; one thread at a time works for it."""

    def __init__(self, tally: UsageTally, tell: Callable[[str], None]) -> None:
        """``tell`` is given what the user should know."""
        self._tally = tally
        self._tell = tell
        self._is_scheduled = False
        self._has_failed = False
        self._writing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    def note(self) -> None:
        """See to it that what has been counted is written soon."""
        if self._tally.changes() and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_later(WRITE_AFTER_SECONDS, self._begin_writing)

    async def usage(self) -> dict[str, Any]:
        """Return all counts, those not written yet among them."""
        async with self._lock:
            try:
                usage, _ = await asyncio.to_thread(lambda: _file().read())
            except OSError as exc:
                usage = Usage.none(today())
                self._log_failure(exc)
            for change in self._tally.changes():
                usage = usage.plus(change)
        return usage.to_json()

    def close(self) -> None:
        """Write what is left; the event loop has ended."""
        changes = self._tally.take()
        if changes:
            try:
                _file().add(changes)
            except OSError as exc:
                self._log_failure(exc)

    def _begin_writing(self) -> None:
        self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        self._is_scheduled = False
        async with self._lock:
            changes = self._tally.take()
            try:
                notice = await asyncio.to_thread(lambda: _file().add(changes))
            except OSError as exc:
                self._tally.put_back(changes)
                self._log_failure(exc)
                return
        if notice is not None:
            self._tell(notice)

    def _log_failure(self, error: OSError) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.warning("What became of completions cannot be counted on disk: %s", error)


def _file() -> UsageFile:
    # Where it lies and how it is locked are questions for later than the start.
    from coder_lsp.paths import usage_path  # noqa: PLC0415
    from coder_lsp.usage.usage_file import UsageFile  # noqa: PLC0415

    return UsageFile(usage_path())
