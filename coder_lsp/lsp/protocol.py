"""JSON-RPC as pygls has it, with what a client must be able to rely on.

Every request is answered, also one that cannot be understood, that comes too early or too late; an
answer tells nothing of the machine's paths; documents are not kept a second time.
"""

import json
import logging
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from coder_lsp.lsp import notices
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
    """One client's connection. ``has_exited`` ends it; ``exit_status`` is the process's then."""

    def __init__(self, server: Any, converter: Converter) -> None:
        super().__init__(server, converter)
        self.has_exited = False
        for method in _DOCUMENT_METHODS:  # pygls would keep its own copies and split lines its way
            del self.fm.builtin_features[method]

    @property
    def exit_status(self) -> int:
        """0 when the client asked to shut down first, as LSP has it."""
        return 0 if self._shutdown else 1

    @property
    def num_pending(self) -> int:
        """How many handlers are running."""
        return len(self._request_futures)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]  # need not be a generator
        """End the connection; pygls would end the process from within a callback."""
        del args
        self.has_exited = True

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> None:  # type: ignore[override]  # need not be a generator
        """Cancel what is under way; each future leaves the table as it ends."""
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
        """Run a handler, and keep its future no longer than that.

        pygls drops the futures of requests, but not those of notifications and of the coroutines
        behind ``workspace/executeCommand``: each would stay with its result until the end.
        """
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))

    def handle_body(self, body: bytes) -> None:
        """Handle the JSON of one message; whatever it is, the next one can be handled too."""
        try:
            message = json.loads(body)
        except ValueError:
            self._refuse(None, types.ErrorCodes.ParseError, notices.NOT_JSON)
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            self._refuse(None, types.ErrorCodes.InvalidRequest, notices.INVALID_REQUEST)
            return
        if not self._is_timely(message):
            return
        try:
            structured = self.structure_message(message)
        except JsonRpcException:
            self._refuse_malformed(message)
            return
        self.handle_message(structured)

    def _is_timely(self, message: dict[str, Any]) -> bool:
        """Whether a message may be handled now; a request that may not is answered."""
        method = message.get("method")
        if method is None or method == types.EXIT:
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
        method: str | None = message.get("method")
        message_id: Any = message.get("id")
        _log.warning("A malformed message was refused: method %r", method)
        if method is None:  # an answer to one of our own requests, which should not wait for ever
            error = types.ResponseError(types.ErrorCodes.InvalidRequest, notices.INVALID_REQUEST)
            self._handle_response(message_id, error=error)
        elif message_id is not None:
            self._refuse(message_id, types.ErrorCodes.InvalidParams, notices.INVALID_PARAMS)

    def _refuse(self, message_id: Any, code: int, text: str) -> None:
        if isinstance(message_id, (int, str)):
            self._send_response(message_id, error=types.ResponseError(code, text))
            return
        # JSON-RPC wants null for an id that could not be read; pygls would leave it out.
        error = {"code": int(code), "message": text}
        self._send_data({"jsonrpc": self.VERSION, "id": None, "error": error})

    def _send_response(
        self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None
    ) -> None:
        """Send an answer; pygls puts tracebacks and messages of exceptions into errors."""
        if error is not None and error.code == JsonRpcInternalError.CODE:
            error = types.ResponseError(error.code, notices.INTERNAL_ERROR)
        super()._send_response(msg_id, result, error)


def log_error(error: BaseException) -> None:
    """Log where an error arose; what it says may quote the user's text, so only at debug level."""
    data = error.data if isinstance(error, JsonRpcException) else None
    traceback = data.get("traceback", ()) if isinstance(data, dict) else ()
    if isinstance(error, JsonRpcInvalidParams):
        _log.warning("A request had parameters that cannot be used")
    else:
        kind = str(error).partition(":")[0] if traceback else type(error).__name__
        _log.error("Unexpected %s\n%s", kind, "".join(traceback))
    _log.debug("%s", error)
