"""JSON-RPC as pygls has it, with what a client must be able to rely on.

Every request is answered, also one that cannot be understood, or that comes too early or too late.
An answer never contains a path of the machine. pygls keeps no copy of the documents.
"""

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from coder_lsp.lsp import notices
from coder_lsp.lsp.messages import tolerant
from coder_lsp.lsp.trigger_kinds import TriggerKinds

_log = logging.getLogger(__name__)

_DOCUMENT_METHODS = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)


def create_converter(trigger_kinds: TriggerKinds) -> Converter:
    """Return pygls' converter, which reads trigger kinds as this connection's client means them."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    converter.register_structure_hook(
        types.InlineCompletionTriggerKind, lambda value, _: trigger_kinds.read(value)
    )
    return converter


class CoderProtocol(LanguageServerProtocol):
    """One client's connection, which ``end`` ends."""

    def __init__(self, server: Any, converter: Converter) -> None:
        self._owner = server
        self._has_exited = False
        self._on_end: Callable[[], None] = lambda: None
        self._own_requests: set[str | int] = set()
        super().__init__(server, converter)  # which looks at all attributes
        for method in _DOCUMENT_METHODS:  # pygls would keep its own copies and split lines its way
            del self.fm.builtin_features[method]

    @property
    def has_exited(self) -> bool:
        """Whether the connection has ended."""
        return self._has_exited

    @property
    def exit_status(self) -> int:
        """The exit status of the process: 0 if the client asked to shut down first."""
        return 0 if self._shutdown else 1

    @property
    def num_pending(self) -> int:
        """The number of handlers that are running."""
        return len(self._request_futures)

    def on_end(self, call: Callable[[], None]) -> None:
        """Have a function called when the connection ends."""
        self._on_end = call

    def end(self) -> None:
        """End the connection: no further message is handled."""
        self._has_exited = True
        self._on_end()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]  # need not be a generator
        """End the connection; pygls would end the process from within a callback."""
        del args
        self.end()

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> None:  # type: ignore[override]  # need not be a generator
        """Cancel all handlers that are running; each leaves the table as it ends."""
        del args
        for future in tuple(self._request_futures.values()):
            future.cancel()
        self._shutdown = True

    def _execute_handler(
        self,
        msg_id: str | int,
        handler: Any,
        callback: Any,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Run a handler, and drop its future as soon as it is done.

        pygls keeps the futures of notifications, and of the coroutines behind
        ``workspace/executeCommand``, with their results until the end of the process.
        """
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))

    def send_request(
        self,
        method: str,
        params: Any = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: str | int | None = None,
    ) -> Future[Any]:
        """Send a request to the client, and remember that an answer is due."""
        msg_id = str(uuid4()) if msg_id is None else msg_id
        self._own_requests.add(msg_id)
        return super().send_request(method, params, callback, msg_id)

    def handle_body(self, body: bytes) -> None:
        """Handle the JSON of one message; whatever it is, the next one can be handled too."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._refuse(None, types.ErrorCodes.ParseError, notices.NOT_JSON)
            return
        if isinstance(message, dict) and message.get("id", 0) is None and _is_notice(message):
            del message["id"]
        if not isinstance(message, dict) or not self._is_message(message):
            self._refuse(None, types.ErrorCodes.InvalidRequest, notices.INVALID_REQUEST)
            return
        if "method" not in message:
            self._take_answer(message)
        elif self._is_timely(message):
            self._take_message(message)

    def _is_message(self, message: dict[str, Any]) -> bool:
        """Whether this is JSON-RPC: a request's id is a number or a text, its method a text."""
        has_id = type(message.get("id", 0)) in {int, str}
        is_answer = "method" not in message
        has_method = is_answer or isinstance(message["method"], str)
        return message.get("jsonrpc") == self.VERSION and has_method and (has_id or is_answer)

    def _take_answer(self, message: dict[str, Any]) -> None:
        """Take an answer to one of our own requests; one to anything else is ignored."""
        message_id = message.get("id")
        if type(message_id) not in {int, str} or message_id not in self._own_requests:
            _log.warning("An answer was ignored: it is to no request of this server's")
            return
        self._own_requests.discard(message_id)
        future = self._request_futures.get(message_id)
        if future is None or future.done():  # cancelled meanwhile
            self._request_futures.pop(message_id, None)
            return
        try:
            self.handle_message(self.structure_message(message))
        except JsonRpcException:  # it waits no longer, whatever the answer should have been
            error = types.ResponseError(types.ErrorCodes.InvalidRequest, notices.INVALID_REQUEST)
            self._handle_response(message_id, error=error)

    def _take_message(self, message: dict[str, Any]) -> None:
        message_id = message.get("id")
        if message_id is not None and message_id in self._request_futures:
            self._refuse(message_id, types.ErrorCodes.InvalidRequest, notices.ID_IN_USE)
            return
        try:
            structured = self.structure_message(tolerant(message))
        except (JsonRpcException, RecursionError):
            self._refuse_malformed(message)
            return
        self.handle_message(structured)

    def _is_timely(self, message: dict[str, Any]) -> bool:
        """Whether a message may be handled now; a request that may not is answered."""
        method = message["method"]
        if method == types.EXIT:
            return True
        is_initialized = self._workspace is not None
        if is_initialized != (method == types.INITIALIZE) and not self._shutdown:
            return True
        if "id" in message:
            if self._shutdown:
                error, text = types.ErrorCodes.InvalidRequest, notices.SHUT_DOWN
            elif is_initialized:
                error, text = types.ErrorCodes.InvalidRequest, notices.INITIALIZED_TWICE
            else:
                error, text = types.ErrorCodes.ServerNotInitialized, notices.NOT_INITIALIZED
            self._refuse(message["id"], error, text)
        return False

    def _refuse_malformed(self, message: dict[str, Any]) -> None:
        """Answer a request that cannot be read; let go of a document whose change cannot be."""
        method, params = message["method"], message.get("params")
        _log.warning("A malformed message was refused: method %r", method)
        if "id" in message:
            self._refuse(message["id"], types.ErrorCodes.InvalidParams, notices.INVALID_PARAMS)
        document = params.get("textDocument") if isinstance(params, dict) else None
        uri = document.get("uri") if isinstance(document, dict) else None
        if method == types.TEXT_DOCUMENT_DID_CHANGE and isinstance(uri, str):
            self._owner.lose_document(uri)

    def _refuse(self, message_id: Any, code: int, text: str) -> None:
        if isinstance(message_id, (int, str)):
            self._send_response(message_id, error=types.ResponseError(code, text))
            return
        # JSON-RPC asks for null where an id could not be read; pygls leaves it out.
        error = {"code": int(code), "message": text}
        self._send_data({"jsonrpc": self.VERSION, "id": None, "error": error})

    def _send_response(
        self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None
    ) -> None:
        """Send an answer; pygls' own contains tracebacks and messages of exceptions."""
        if error is not None and error.code == JsonRpcInternalError.CODE:
            error = types.ResponseError(error.code, notices.INTERNAL_ERROR)
        super()._send_response(msg_id, result, error)


def _is_notice(message: dict[str, Any]) -> bool:
    """Whether a message is a notification by its method, which has no result."""
    method = message.get("method")
    known = types.METHOD_TO_TYPES.get(method) if isinstance(method, str) else None
    return known is not None and known[1] is None


def log_error(error: BaseException) -> None:
    """Log where an error arose; its message may quote the user's text: only at debug level."""
    data = error.data if isinstance(error, JsonRpcException) else None
    traceback = data.get("traceback", ()) if isinstance(data, dict) else ()
    if isinstance(error, JsonRpcInvalidParams):
        _log.warning("A request had parameters that cannot be used")
    else:
        kind = str(error).partition(":")[0] if traceback else type(error).__name__
        _log.error("Unexpected %s\n%s", kind, "".join(traceback))
    _log.debug("%s", error)
