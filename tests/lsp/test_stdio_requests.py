"""Cancelled, superseded, overlapping, malformed and untimely requests: each is answered once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.support.editor import URI, Editor, asyncio_future, connect, items, write_script

# Longer than any test is allowed to take: who waits for these answers never ends.
FOREVER_MS = 600_000
PREFILLING = {"prefix_ends_with": "pre", "completion": "x", "prefill_ms": FOREVER_MS}
DECODING = {
    "prefix_ends_with": "dec",
    "completion": "xyz",
    "chunks": 1,
    "delay_ms": FOREVER_MS,
}
QUICK = {"prefix_ends_with": "quick", "completion": "ly"}


def code_of(exc: Exception) -> int:
    assert isinstance(exc, JsonRpcException)
    return exc.code


async def let_engine_begin(editor: Editor) -> None:
    """Give the engine thread time to be in the midst of what it was asked last."""
    await editor.execute("coder-lsp.accept", "no offer")  # the server has read everything before
    await asyncio.sleep(0.1)


async def check_engine_is_free(editor: Editor) -> None:
    uri = "file:///w/free.py"
    (item,) = await editor.inline(editor.open("quick‸", uri=uri), uri=uri)
    assert item.insert_text == "quickly"


@pytest.mark.asyncio
async def test_cancelled_and_superseded_requests_are_answered_at_once(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, PREFILLING, DECODING, QUICK)) as editor:
        for text in ("pre‸", "dec‸"):
            position = editor.open(text)

            pending = editor.ask_inline(position, msg_id=text)
            await let_engine_begin(editor)
            editor.client.cancel_request(types.CancelParams(text))
            with pytest.raises(JsonRpcException) as raised:
                await asyncio_future(pending)
            assert code_of(raised.value) == types.LSPErrorCodes.RequestCancelled
            await check_engine_is_free(editor)

            pending = editor.ask_inline(position)
            await let_engine_begin(editor)
            newer = editor.ask_inline(types.Position(0, 0))
            assert await asyncio_future(pending) == []
            assert await asyncio_future(newer) == []
            await check_engine_is_free(editor)

            pending = editor.ask_inline(position)
            await let_engine_begin(editor)
            editor.insert(position, "!", version=2)
            assert await asyncio_future(pending) == []
            await check_engine_is_free(editor)

        session = (await editor.stats())["session"]
        assert (session["cancelled"], session["superseded"], session["underway"]) == (2, 4, 0)


@pytest.mark.asyncio
async def test_a_request_superseded_in_the_queue_never_runs(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, PREFILLING, QUICK)) as editor:
        slow = editor.open("pre‸", uri="file:///w/slow.py")
        quick = editor.open("quick‸")
        running = editor.ask_inline(slow, uri="file:///w/slow.py")
        await let_engine_begin(editor)

        queued = [editor.ask_inline(quick) for _ in range(5)]
        assert [await asyncio_future(future) for future in queued[:-1]] == [[]] * 4
        editor.close("file:///w/slow.py")
        assert await asyncio_future(running) == []
        assert items(await asyncio_future(queued[-1]))

        assert (await editor.stats())["backend"]["requests"] == 2


@pytest.mark.asyncio
async def test_overlapping_requests_are_answered_once_each(tmp_path: Path) -> None:
    slowly = {**QUICK, "prefill_ms": 20}
    async with connect(*write_script(tmp_path, slowly)) as editor:
        position = editor.open("quick‸")
        ids = [f"request {i}" for i in range(50)]

        pending = [asyncio_future(editor.ask_inline(position, msg_id=i)) for i in ids]
        for cancelled in ids[10:20]:
            editor.client.cancel_request(types.CancelParams(cancelled))
        answers = await asyncio.gather(*pending, return_exceptions=True)

        await check_engine_is_free(editor)  # an answer given twice would have come before
        assert [editor.num_answers[i] for i in ids] == [1] * 50
        assert items(answers[-1])
        assert not [answer for answer in answers[:-1] if isinstance(answer, list) and answer]


@pytest.mark.asyncio
async def test_a_closed_document_is_freed(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, PREFILLING, QUICK)) as editor:
        pending = editor.ask_inline(editor.open("pre‸" + "x" * 100_000))
        await let_engine_begin(editor)

        editor.close()

        assert await asyncio_future(pending) == []
        stats = await editor.stats()
        assert stats["session"]["documents"] == stats["session"]["characters"] == 0
        assert stats["backend"]["forgotten"] == 1
        assert await asyncio_future(editor.ask_inline(types.Position(0, 3))) == []


AT_START = {
    "textDocument": {"uri": URI},
    "position": {"line": 0, "character": 0},
    "context": {"triggerKind": 1},
}
INLINE = types.TEXT_DOCUMENT_INLINE_COMPLETION
MALFORMED = [
    (INLINE, {**AT_START, "position": {"line": "first", "character": 0}}),
    (INLINE, {**AT_START, "position": {"line": -1, "character": 0}}),
    (INLINE, {**AT_START, "textDocument": None}),
    (INLINE, {}),
    (INLINE, None),
    (INLINE, [1, 2]),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "rm", "arguments": []}),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "coder-lsp.accept", "arguments": []}),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "coder-lsp.toggle", "arguments": ["on"]}),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "coder-lsp.toggle", "arguments": [True, 1]}),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "coder-lsp.snooze", "arguments": [-1]}),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "coder-lsp.snooze", "arguments": [True]}),
    (types.WORKSPACE_EXECUTE_COMMAND, {"command": "coder-lsp.snooze", "arguments": [1e300]}),
    ("textDocument/hover", AT_START),
    ("coder-lsp/unheard-of", {"jsonrpc": "2.0"}),
]


@pytest.mark.asyncio
async def test_malformed_requests_are_answered(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, QUICK)) as editor:
        position = editor.open("quick‸")
        for method, params in MALFORMED:
            with pytest.raises(JsonRpcException) as raised:
                await asyncio_future(editor.send_raw(method, params))
            assert code_of(raised.value) in {-32602, -32601}, (method, params)
            assert raised.value.data is None

        for body in (b"{not json", b"[]", b"3", b"\xff", b'{"jsonrpc": "2.0"}', b"{}"):
            editor.send_bytes(body)
        editor.client.protocol.notify(types.CANCEL_REQUEST, types.CancelParams("no such request"))

        assert await editor.inline(position)
        assert editor.shown == []


@pytest.mark.asyncio
async def test_requests_before_initialize_and_after_shutdown_are_answered(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, QUICK), initialize=False) as editor:
        for pending in (editor.send_raw(INLINE, AT_START), editor.send_raw("shutdown", None)):
            with pytest.raises(JsonRpcException) as raised:
                await asyncio_future(pending)
            assert code_of(raised.value) == types.ErrorCodes.ServerNotInitialized
        initialize = {"processId": None, "rootUri": None, "capabilities": {}}
        await asyncio_future(editor.send_raw("initialize", initialize))
        late: list[tuple[str, Any]] = [("initialize", initialize), (INLINE, AT_START)]
        with pytest.raises(JsonRpcException) as raised:
            await asyncio_future(editor.send_raw(*late[0]))
        assert code_of(raised.value) == types.ErrorCodes.InvalidRequest
        await asyncio_future(editor.send_raw("shutdown", None))
        for method, params in late:
            with pytest.raises(JsonRpcException) as raised:
                await asyncio_future(editor.send_raw(method, params))
            assert code_of(raised.value) == types.ErrorCodes.InvalidRequest

        editor.send_bytes(json.dumps({"jsonrpc": "2.0", "method": "exit"}).encode())

        assert await editor.process.wait() == 0


@pytest.mark.asyncio
async def test_shutdown_while_generating(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, PREFILLING)) as editor:
        pending = asyncio_future(editor.ask_inline(editor.open("pre‸")))
        await let_engine_begin(editor)
        stats = asyncio_future(
            editor.send_raw("workspace/executeCommand", {"command": "coder-lsp.stats"})
        )

        await editor.client.shutdown_session()

        answers = await asyncio.gather(pending, stats, return_exceptions=True)
        assert {code_of(answer) for answer in answers} == {types.LSPErrorCodes.RequestCancelled}
        assert await editor.process.wait() == 0


@pytest.mark.asyncio
async def test_the_end_of_standard_input_ends_the_server(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, PREFILLING)) as editor:
        pending = asyncio_future(editor.ask_inline(editor.open("pre‸")))
        await let_engine_begin(editor)

        editor.process.stdin.close()

        assert await editor.process.wait() == 1
        with pytest.raises((RuntimeError, JsonRpcException)):  # cancelled, or never answered
            await pending
