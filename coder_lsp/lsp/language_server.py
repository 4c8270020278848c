"""The server that every feature is given: the client's session, the scheduler, and the status."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from coder_lsp import __version__
from coder_lsp.backends.base import Backend
from coder_lsp.lsp.capabilities import ClientCapabilities
from coder_lsp.lsp.protocol import CoderProtocol, create_converter, log_error
from coder_lsp.lsp.status import STATUS_METHOD, Status, StatusBoard
from coder_lsp.lsp.switch import Switch
from coder_lsp.lsp.trigger_kinds import TriggerKinds
from coder_lsp.scheduling.scheduler import Scheduler
from coder_lsp.session import Session
from coder_lsp.settings import Settings

_log = logging.getLogger(__name__)


class CoderServer(LanguageServer):
    """One client's server. Features run on the event loop, the backend on the engine thread."""

    protocol: CoderProtocol

    def __init__(self, settings: Settings, create_backend: Callable[[Settings], Backend]) -> None:
        self.trigger_kinds = TriggerKinds()
        super().__init__(
            "coder-lsp",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            protocol_cls=CoderProtocol,
            converter_factory=lambda: create_converter(self.trigger_kinds),
        )
        self.switch = Switch(self._switched)
        self.status = StatusBoard(self.switch, self._send_status)
        self.scheduler = Scheduler(settings, create_backend, self.status)
        self.session = Session(settings, self.scheduler, self._warn)
        self.client = ClientCapabilities()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def encoding(self) -> str:
        """How the client counts columns: ``utf-8``, ``utf-16`` or ``utf-32``."""
        return self.workspace.position_encoding or types.PositionEncodingKind.Utf16

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside the requests; what it raises is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the event loop itself keeps no task alive
        task.add_done_callback(self._end_task)

    def lose_document(self, uri: str) -> None:
        """Let go of a document whose text is no longer known, until the client opens it again."""
        _log.warning("A change could not be read, so its document gets no more completions")
        self.session.close_document(uri)

    def tell(self, kind: types.MessageType, message: str) -> None:
        """Show the user a message."""
        self.window_show_message(types.ShowMessageParams(kind, message))

    def tell_once(self, kind: types.MessageType, message: str, key: str = "") -> None:
        """Show the user a message unless it, or another with the same key, was shown before."""
        if self.session.is_news(key or message):
            self.tell(kind, message)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log an error; pygls would show it to the user, who cannot do anything about it."""
        del source
        log_error(error)

    def _switched(self) -> None:
        if not self.switch.is_active:
            self.scheduler.cancel_all()
        self.status.update()

    def _warn(self, message: str) -> None:
        _log.warning("%s", message)
        self.tell_once(types.MessageType.Warning, message)

    def _send_status(self, status: Status) -> None:
        if self.client.shows_status:
            sent = dataclasses.asdict(status)
            if status.suggestion is None:
                del sent["suggestion"]  # older clients know only the other three
            self.protocol.notify(STATUS_METHOD, sent)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log_error(error)
