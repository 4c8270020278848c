"""The server that every feature is given: the session, the engine thread, and words to the user."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from coder_lsp import __version__
from coder_lsp.backends.base import Backend
from coder_lsp.completion.completer import RunningCompletion
from coder_lsp.lsp.capabilities import ClientCapabilities
from coder_lsp.lsp.debounce import Debounce
from coder_lsp.lsp.engine_thread import EngineThread
from coder_lsp.lsp.generations import Generations
from coder_lsp.lsp.idle import IdleWork
from coder_lsp.lsp.other_offers import OtherOffers
from coder_lsp.lsp.protocol import CoderProtocol, create_converter, log_error
from coder_lsp.lsp.status import STATUS_METHOD, Status, StatusBoard
from coder_lsp.lsp.switch import Switch
from coder_lsp.lsp.usage_recorder import UsageRecorder
from coder_lsp.session import Session
from coder_lsp.settings import Settings

_log = logging.getLogger(__name__)


class CoderServer(LanguageServer):
    """One client's server. Features run on the event loop, the backend on the engine thread."""

    protocol: CoderProtocol

    def __init__(self, session: Session, create_backend: Callable[[Settings], Backend]) -> None:
        super().__init__(
            "coder-lsp",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            protocol_cls=CoderProtocol,
            converter_factory=create_converter,
        )
        self.session = session
        self.engine = EngineThread(create_backend)
        self.debounce = Debounce()
        self.switch = Switch(self._switched)
        self.status = StatusBoard(self.switch, self._send_status)
        self.generations = Generations(self._generated)
        self.idle = IdleWork(session, self.engine, self.generations, self.status)
        self.usage = UsageRecorder(session.tally, self._warn)
        self.other_offers = OtherOffers(self.engine)
        self.capabilities = ClientCapabilities()
        self.initial_problems: tuple[str, ...] = ()
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

    def quieten(self) -> None:
        """Answer what is under way with nothing, and stop all work."""
        self.idle.interrupt()
        self.other_offers.interrupt()
        self.session.cancel_all()
        self.generations.cancel_all()

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
            self.quieten()
        self.status.update()

    def _generated(self, running: RunningCompletion) -> None:
        self.status.succeed()
        self.session.keep_completion(running)

    def _warn(self, message: str) -> None:
        _log.warning("%s", message)
        self.tell_once(types.MessageType.Warning, message)

    def _send_status(self, status: Status) -> None:
        self.protocol.notify(STATUS_METHOD, dataclasses.asdict(status))

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log_error(error)
