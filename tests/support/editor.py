"""An editor at the other end of a real server's stdio, built on pytest-lsp's client."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client
from pytest_lsp.client import client_capabilities

from tests.support.cursor import parse_cursor

URI = "file:///w/a.py"

# Ends a test whose answer never comes; no test asserts a time.
_PATIENCE_SECONDS = 60.0

# A busy machine shall not let the deadline for an answer pass.
_SETTINGS = {"timeBudgetMs": 60_000}


def num_units(text: str, encoding: str) -> int:
    """Return the columns a text takes, character by character; slow and plain on purpose."""
    if encoding == "utf-8":
        return sum(len(c.encode()) for c in text)
    if encoding == "utf-16":
        return sum(2 if ord(c) > 0xFFFF else 1 for c in text)
    return len(text)


class Editor:
    """Sends what an editor sends; ``client`` has the rest. Counts the answers to each request."""

    def __init__(self, client: LanguageClient, encoding: str) -> None:
        self.client = client
        self.encoding = encoding
        self.num_answers: dict[Any, int] = {}
        self.result: types.InitializeResult | None = None
        self.statuses: list[tuple[str, str, int | None]] = []

        @client.feature("coder-lsp/status")
        def take_status(params: Any) -> None:
            self.statuses.append((params.kind, params.message, params.progress))

        handle = client.protocol._handle_response

        def count(msg_id: Any, result: Any = None, error: Any = None) -> None:
            self.num_answers[msg_id] = self.num_answers.get(msg_id, 0) + 1
            handle(msg_id, result, error)

        client.protocol._handle_response = count

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The server."""
        return self.client._server

    def open(
        self, marked: str, *, uri: str = URI, version: int = 1, language_id: str = "python"
    ) -> types.Position:
        """Open a document, and return the position of the cursor's mark in it."""
        text, offset = parse_cursor(marked)
        item = types.TextDocumentItem(uri, language_id, version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        lines = text[:offset].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return types.Position(len(lines) - 1, num_units(lines[-1], self.encoding))

    def insert(
        self, position: types.Position, text: str, *, version: int, uri: str = URI
    ) -> types.Position:
        """Insert text without line ends, and return the position after it."""
        change = types.TextDocumentContentChangePartial(types.Range(position, position), text)
        document = types.VersionedTextDocumentIdentifier(version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        column = position.character + num_units(text, self.encoding)
        return types.Position(position.line, column)

    def close(self, uri: str = URI) -> None:
        """Close a document."""
        identifier = types.TextDocumentIdentifier(uri)
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))

    def ask_inline(
        self, position: types.Position, *, uri: str = URI, msg_id: str | None = None
    ) -> Future[Any]:
        """Ask for inline completion without waiting."""
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            types.TextDocumentIdentifier(uri),
            position,
        )
        method = types.TEXT_DOCUMENT_INLINE_COMPLETION
        return self.client.protocol.send_request(method, params, msg_id=msg_id)

    async def inline(self, position: types.Position, *, uri: str = URI) -> list[Any]:
        """Return the items of an inline completion."""
        return items(await asyncio_future(self.ask_inline(position, uri=uri)))

    async def plain(self, position: types.Position, *, uri: str = URI) -> Any:
        """Return the answer to a plain completion request."""
        params = types.CompletionParams(types.TextDocumentIdentifier(uri), position)
        return await self.client.text_document_completion_async(params)

    async def stats(self) -> dict[str, Any]:
        """Return the server's counters; waits until the engine has done what it was asked."""
        return to_dict(await self.execute("coder-lsp.stats"))

    async def execute(self, command: str, *arguments: Any) -> Any:
        """Run a command."""
        params = types.ExecuteCommandParams(command, arguments=list(arguments))
        return await self.client.workspace_execute_command_async(params)

    def configure(self, settings: Any) -> None:
        """Push settings."""
        params = types.DidChangeConfigurationParams(settings)
        self.client.workspace_did_change_configuration(params)

    def send_raw(self, method: str, params: Any) -> Future[Any]:
        """Send a request that the typed client would not let through."""
        msg_id = str(uuid4())
        future: Future[Any] = Future()
        self.client.protocol._request_futures[msg_id] = future
        message = {"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params}
        self.client.protocol._send_data(message)
        return future

    def send_bytes(self, body: bytes) -> None:
        """Send the body of a message as it is."""
        writer = self.client.protocol.writer
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def wait_until(self, has_happened: Callable[[], bool]) -> None:
        """Wait for what the server sends by itself; the test's own time limit ends it."""
        while not has_happened():  # noqa: ASYNC110 (the client has no event for what it collects)
            await asyncio.sleep(0.01)

    @property
    def status_kinds(self) -> list[str]:
        """The kinds of status that the server told so far."""
        return [kind for kind, _, _ in self.statuses]

    @property
    def shown(self) -> list[str]:
        """The messages that the user was shown so far."""
        return [message.message for message in self.client.messages]


@asynccontextmanager
async def connect(
    *arguments: str,
    encoding: str = "utf-16",
    settings: Mapping[str, Any] | None = None,
    progress: bool = False,
    shows_status: bool = True,
    initialize: bool = True,
) -> AsyncIterator[Editor]:
    """Start ``coder-lsp serve ARGUMENTS`` and end it, with ``shutdown`` and ``exit``, after."""
    client = make_test_lsp_client()
    await client.start_io(sys.executable, "-m", "coder_lsp", "serve", *arguments)
    editor = Editor(client, encoding)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            if initialize:
                editor.result = await client.initialize_session(
                    types.InitializeParams(
                        capabilities=_capabilities(
                            encoding, progress=progress, is_shown=shows_status
                        ),
                        root_uri="file:///w",
                        initialization_options={**_SETTINGS, **(settings or {})},
                    )
                )
            yield editor
            if editor.process.returncode is None and initialize:
                await client.shutdown_session()
    finally:
        if editor.process.returncode is None:
            editor.process.terminate()
        await client.stop()


def _capabilities(encoding: str, *, progress: bool, is_shown: bool) -> types.ClientCapabilities:
    sent = client_capabilities("neovim")
    sent.general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind(encoding)]
    )
    sent.window = types.WindowClientCapabilities(work_done_progress=progress)
    sent.workspace = types.WorkspaceClientCapabilities(configuration=True)
    sent.experimental = {"coderLspStatus": is_shown} if is_shown else None
    return sent


def write_script(folder: Path, *answers: dict[str, Any]) -> tuple[str, ...]:
    """Write a script for the scripted backend; return the arguments that have it used."""
    path = folder / "script.json"
    path.write_text(json.dumps({"answers": answers}), encoding="utf-8")
    return ("--backend", "scripted", "--script", str(path))


def items(answer: Any) -> list[Any]:
    """Return the items of an answer to inline or plain completion."""
    assert answer is not None, "nothing to say is an empty list, not null"
    return list(answer) if isinstance(answer, (list, tuple)) else list(answer.items)


async def asyncio_future(future: Future[Any]) -> Any:
    """Wait for the answer to a request."""
    return await asyncio.wrap_future(future)


def to_dict(value: Any) -> Any:
    """Turn pygls' attribute objects, in which untyped JSON arrives, back into dictionaries."""
    if hasattr(value, "_asdict"):
        return {key: to_dict(item) for key, item in value._asdict().items()}
    return value
