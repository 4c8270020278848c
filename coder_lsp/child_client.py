"""Starts the real server as a child process and speaks to it over stdio, as an editor would.

For the demonstration and for measurements; it shows nothing. A document is a snapshot that each
change replaces by the next one. Positions are negotiated as UTF-32, which is what Python counts.
"""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from coder_lsp import __version__
from coder_lsp.documents.document import DocumentSnapshot, line_start
from coder_lsp.errors import BackendError
from coder_lsp.generation import GenerationUsage
from coder_lsp.lsp.commands import STATS_COMMAND
from coder_lsp.paths import STATE_VARIABLE

_LINE_END = re.compile(r"\r\n|\n|\r")
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GenerationFigures:
    """What the server tells of its last generation; ``time_to_first_token_ms`` as in Completion."""

    usage: GenerationUsage
    time_to_first_token_ms: float | None
    total_ms: float
    refused_by: str | None


@dataclass(frozen=True, slots=True)
class InlineCompletion:
    """What an editor shows at the cursor, and how long the server took for it.

    ``figures`` is None where nothing was generated: a recent answer still fitted.
    """

    ghost_text: str
    answer_ms: float
    figures: GenerationFigures | None


class ChildClient:
    """A running server, ``pid`` its process; ``start_child`` makes it and ends it."""

    def __init__(self, client: LanguageClient, pid: int, messages: Sequence[str]) -> None:
        self.pid = pid
        self._client = client
        self._messages = messages

    async def wait_until_ready(self) -> None:
        """Wait for the model. Raises ``BackendError`` with what the server says when it fails."""
        stats = await self.stats()
        if not stats["backend"]:
            said = " ".join(self._messages) or "no reason was given"
            raise BackendError(f"The server has no model to complete with: {said}")

    def open(self, document: DocumentSnapshot) -> None:
        """Open a document in the server."""
        self._client.text_document_did_open(
            types.DidOpenTextDocumentParams(
                types.TextDocumentItem(
                    uri=document.uri,
                    language_id=document.language_id,
                    version=document.version,
                    text=document.text,
                )
            )
        )

    def type_text(self, document: DocumentSnapshot, text: str) -> DocumentSnapshot:
        """Insert text at the cursor, and return the document as it is then."""
        offset = document.offset
        return self.change(document, [(offset, offset, text)], offset + len(text))

    def change(
        self, document: DocumentSnapshot, edits: Sequence[tuple[int, int, str]], cursor: int
    ) -> DocumentSnapshot:
        """Make edits in one change, put the cursor at ``cursor``, and return the document then.

        An edit replaces the text between two offsets; they count in what the edits before it left.
        """
        text = document.text
        changes: list[types.TextDocumentContentChangeEvent] = []
        for start, end, new_text in edits:
            span = types.Range(_position(text, start), _position(text, end))
            changes.append(types.TextDocumentContentChangePartial(range=span, text=new_text))
            text = text[:start] + new_text + text[end:]
        version = document.version + 1
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(uri=document.uri, version=version), changes
            )
        )
        return replace(document, version=version, text=text, offset=cursor)

    async def complete(self, document: DocumentSnapshot) -> InlineCompletion:
        """Ask for what to show at the cursor; ``ghost_text`` is empty when there is nothing."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = await self._client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(
                    trigger_kind=types.InlineCompletionTriggerKind.Automatic
                ),
                text_document=types.TextDocumentIdentifier(document.uri),
                position=position_of(document),
            )
        )
        answer_ms = 1000 * (loop.time() - started)
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer
        ghost = _ghost_text(items[0], document) if items else ""
        return InlineCompletion(ghost, answer_ms, await self._new_figures())

    def close(self, document: DocumentSnapshot) -> None:
        """Close a document in the server."""
        self._client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(document.uri))
        )

    async def _new_figures(self) -> GenerationFigures | None:
        """Return the last answer's figures, None when no generation was needed for it."""
        last = (await self.stats())["lastCompletion"]
        return None if last is None or last["source"] == "completion cache" else _figures(last)

    async def stats(self) -> Mapping[str, Any]:
        """Ask for the server's counters; it answers when the engine has come to it."""
        params = types.ExecuteCommandParams(command=STATS_COMMAND)
        stats: Any = await self._client.workspace_execute_command_async(params)
        return cast("Mapping[str, Any]", stats)


@asynccontextmanager
async def start_child(
    arguments: Sequence[str], settings: Mapping[str, Any]
) -> AsyncIterator[ChildClient]:
    """Run ``coder-lsp serve ARGUMENTS`` while the block runs, and end it whatever happens.

    ``settings`` are sent with ``initialize``. Raises ``BackendError`` with the end of the server's
    log when the server ends by itself.
    """
    client = LanguageClient("coder-lsp-child", __version__)
    messages: list[str] = []
    client.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(_ignore)
    client.feature(types.PROGRESS)(_ignore)
    client.feature(types.WINDOW_SHOW_MESSAGE)(lambda shown: messages.append(shown.message))
    with uncounted() as environment:
        # -P: the current folder, which may be anybody's, is not searched for modules.
        command = (sys.executable, "-P", "-m", "coder_lsp", "serve", *arguments)
        await client.start_io(*command, env=environment)
        process = client._server  # noqa: SLF001 (pygls tells of it nowhere else)
        assert process is not None
        log = asyncio.create_task(_read_log(process))
        try:
            await _initialize(client, settings)
            yield ChildClient(client, process.pid, messages)
        except RuntimeError as exc:  # what pygls raises from each request of an ended process
            if process.returncode is None:
                raise
            tail = "\n".join((await log)[-10:])
            raise BackendError(
                f"The server ended with status {process.returncode}. Its log ends with:\n{tail}"
            ) from exc
        finally:
            await _end(client, process)
            await log


@contextmanager
def uncounted() -> Iterator[dict[str, str]]:
    """Yield an environment in which no completion is counted among the user's own."""
    with tempfile.TemporaryDirectory(prefix="coder-lsp-", ignore_cleanup_errors=True) as folder:
        yield {**os.environ, STATE_VARIABLE: folder}


def _figures(last: Mapping[str, Any]) -> GenerationFigures:
    return GenerationFigures(
        usage=GenerationUsage(
            num_prompt_tokens=last["numPromptTokens"],
            num_cached_tokens=last["numCachedTokens"],
            num_generated_tokens=last["numGeneratedTokens"],
        ),
        time_to_first_token_ms=last["timeToFirstTokenMs"],
        total_ms=last["totalMs"],
        refused_by=last["refusedBy"],
    )


def position_of(document: DocumentSnapshot) -> types.Position:
    """Return the cursor's LSP position, in UTF-32."""
    return _position(document.text, document.offset)


def _position(text: str, offset: int) -> types.Position:
    start = line_start(text, offset)
    line = len(_LINE_END.findall(text[:start]))
    return types.Position(line, offset - start)


def _ghost_text(item: types.InlineCompletionItem, document: DocumentSnapshot) -> str:
    """Return what an item adds at the cursor: its text without what stands in its range already."""
    text = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
    if item.range is None:
        return text
    start = line_start(document.text, document.offset) + item.range.start.character
    return text.removeprefix(document.text[start : document.offset])


async def _initialize(client: LanguageClient, settings: Mapping[str, Any]) -> None:
    await client.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(
                general=types.GeneralClientCapabilities(
                    position_encodings=[types.PositionEncodingKind.Utf32]
                ),
                text_document=types.TextDocumentClientCapabilities(
                    inline_completion=types.InlineCompletionClientCapabilities()
                ),
                window=types.WindowClientCapabilities(work_done_progress=True),
            ),
            initialization_options=dict(settings),
        )
    )
    client.initialized(types.InitializedParams())


def _ignore(params: Any) -> None:
    del params


async def _read_log(process: asyncio.subprocess.Process) -> list[str]:
    """Read the log to its end, lest a full pipe stop the server."""
    assert process.stderr is not None
    lines = [line async for line in process.stderr]
    return [line.decode("utf-8", errors="replace").rstrip() for line in lines]


async def _end(client: LanguageClient, process: asyncio.subprocess.Process) -> None:
    """End the server politely, or kill it when that takes too long."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await client.shutdown_async(None)
            client.exit(None)
            await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await client.stop()  # type: ignore[no-untyped-call]
