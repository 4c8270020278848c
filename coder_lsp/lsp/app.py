"""The language server as a whole: what it is made of, and how it is served."""

import asyncio
import logging
import os
from collections.abc import Coroutine
from typing import Any

from lsprotocol import types

from coder_lsp.backends.create import create_backend
from coder_lsp.lsp import (
    commands,
    completion,
    configuration,
    initialize,
    inline_completion,
    text_sync,
    to_lsp,
    transport,
)
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.logs import start_log
from coder_lsp.settings import Settings

_CLOSING_SECONDS = 2.0


def serve_stdio(settings: Settings) -> int:
    """Serve one client over standard input and output; return the process's exit status.

    ``settings`` are what the command line says; the client's options are applied on top of them.
    """
    server = _start(settings)
    return _run(server, transport.serve_stdio(server.protocol))


def serve_tcp(settings: Settings, host: str, port: int) -> int:
    """Serve the first client that connects, for debugging; return the process's exit status.

    Raises ``SettingsError`` when the address cannot be listened on.
    """
    server = _start(settings)
    return _run(server, transport.serve_tcp(server.protocol, host, port))


def create_server(settings: Settings) -> CoderServer:
    """Return a server with every feature, not yet connected to a client."""
    server = CoderServer(settings, create_backend)
    server.feature(types.INITIALIZE)(initialize.initialize)
    server.feature(types.INITIALIZED)(initialize.initialized)
    server.feature(types.TEXT_DOCUMENT_DID_OPEN)(text_sync.did_open)
    server.feature(types.TEXT_DOCUMENT_DID_CHANGE)(text_sync.did_change)
    server.feature(types.TEXT_DOCUMENT_DID_CLOSE)(text_sync.did_close)
    server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(configuration.did_change_configuration)
    # Without options pygls does not advertise it.
    inline_options = types.InlineCompletionOptions()
    server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, inline_options)(
        inline_completion.inline_completion
    )
    plain_options = types.CompletionOptions(trigger_characters=completion.TRIGGER_CHARACTERS)
    server.feature(types.TEXT_DOCUMENT_COMPLETION, plain_options)(completion.completion)
    server.command(commands.TOGGLE_COMMAND)(commands.toggle)
    server.command(commands.SNOOZE_COMMAND)(commands.snooze)
    server.command(commands.RESTART_COMMAND)(commands.restart_model)
    server.command(to_lsp.ACCEPT_COMMAND)(commands.accept)
    server.command(commands.STATS_COMMAND)(commands.stats)
    return server


def _start(settings: Settings) -> CoderServer:
    start_log(settings.log_level)
    return create_server(settings)


def _run(server: CoderServer, serving: Coroutine[Any, Any, None]) -> int:
    try:
        asyncio.run(serving)
    except KeyboardInterrupt:
        pass  # someone tries the server in a terminal
    finally:
        server.session.recorder.close()
        has_ended = server.scheduler.close(_CLOSING_SECONDS)
    status = server.protocol.exit_status
    if not has_ended:
        # A model that is being loaded cannot be interrupted, and an interpreter that exits under
        # native code may crash; half a file in the disk cache is never taken for a whole one.
        logging.shutdown()
        os._exit(status)
    return status
