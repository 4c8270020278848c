"""Generations that outlive their requests, deadlines, and work ahead of the user."""

import asyncio
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.support.editor import Editor, asyncio_future, connect, write_script

FAST = {"prefix_ends_with": "x = ", "completion": "foo(1)", "chunks": 1}
QUICK = {"prefix_ends_with": "x = g", "completion": "oo()"}
# Of more than the tests' patience; what is shown of it was stopped by something.
ENDLESS = {
    "prefix_ends_with": "y = ",
    "completion": " + ".join(f"name_{i * i}" for i in range(300)),
    "chunks": 9,
}


def held(tmp_path, **answer) -> dict[str, Any]:
    """Return an answer whose chunks after the first wait until ``release`` is called."""
    return {"prefix_ends_with": "x = ", "chunks": 1, **answer, "wait_for": str(tmp_path / "go")}


def release(tmp_path) -> None:
    (tmp_path / "go").touch()


async def begin(editor: Editor, marked: str, *, msg_id: str | None = None) -> Any:
    """Ask for a completion, and return when the server has read the request."""
    position = editor.open(marked)
    pending = editor.ask_inline(position, msg_id=msg_id)
    await editor.execute("coder-lsp.accept", "no offer")
    return position, pending


async def source_of(editor: Editor) -> str:
    return str((await editor.stats())["lastCompletion"]["source"])


@pytest.mark.asyncio
async def test_typing_what_is_being_generated_goes_on_from_it(tmp_path) -> None:
    async with connect(*write_script(tmp_path, held(tmp_path, completion="foo(1)"))) as editor:
        position, first = await begin(editor, "x = ‸\ny")
        position = editor.insert(position, "f", version=2)
        second = editor.ask_inline(position)

        assert await asyncio_future(first) == []
        release(tmp_path)
        (item,) = (await asyncio_future(second)).items
        assert item.insert_text == "foo(1)"
        assert await source_of(editor) == "running"
        assert (await editor.stats())["backend"]["requests"] == 1


@pytest.mark.asyncio
async def test_a_cancelled_request_leaves_its_generation_to_the_next_keystroke(tmp_path) -> None:
    """VS Code cancels before each didChange, also when the user types what is being generated."""
    async with connect(*write_script(tmp_path, held(tmp_path, completion="foo(1)"))) as editor:
        position, first = await begin(editor, "x = ‸\ny", msg_id="first")
        editor.client.cancel_request(types.CancelParams("first"))
        position = editor.insert(position, "f", version=2)
        second = editor.ask_inline(position)

        with pytest.raises(JsonRpcException):
            await asyncio_future(first)
        await editor.execute("coder-lsp.accept", "no offer")  # the second request has been read
        release(tmp_path)
        (item,) = (await asyncio_future(second)).items
        assert item.insert_text == "foo(1)"
        assert (await editor.stats())["backend"]["requests"] == 1


@pytest.mark.asyncio
async def test_typing_something_else_stops_it(tmp_path) -> None:
    async with connect(*write_script(tmp_path, held(tmp_path, **ENDLESS), QUICK)) as editor:
        position, first = await begin(editor, "y = ‸\nz")
        position = editor.insert(position, "x = g", version=2)
        second = editor.ask_inline(position)

        assert await asyncio_future(first) == []
        (item,) = (await asyncio_future(second)).items
        assert item.insert_text.endswith("oo()")
        assert (await editor.stats())["backend"]["requests"] == 2


@pytest.mark.asyncio
async def test_an_orphan_ends_by_itself(tmp_path) -> None:
    async with connect(*write_script(tmp_path, held(tmp_path, **ENDLESS))) as editor:
        _, first = await begin(editor, "y = ‸\nz", msg_id="first")
        editor.client.cancel_request(types.CancelParams("first"))
        with pytest.raises(JsonRpcException):
            await asyncio_future(first)

        await editor.stats()  # waits for the engine, which nothing else would free


@pytest.mark.asyncio
async def test_at_the_deadline_what_stands_so_far_is_shown(tmp_path) -> None:
    settings = {"timeBudgetMs": 1500}
    async with connect(
        *write_script(tmp_path, held(tmp_path, **ENDLESS)), settings=settings
    ) as editor:
        (item,) = await editor.inline(editor.open("y = ‸\nz"))

        assert item.insert_text.startswith("name_0 +")
        assert len(item.insert_text) < len(ENDLESS["completion"])


@pytest.mark.asyncio
async def test_what_comes_after_accepting_is_ready_when_it_is_accepted(tmp_path) -> None:
    then = {"prefix_ends_with": "x = foo(1)", "completion": "\nbar()"}
    async with connect(*write_script(tmp_path, FAST, then)) as editor:
        position = editor.open("x = ‸\ny")
        (item,) = await editor.inline(position)
        while not (await editor.stats())["session"]["background_generated_tokens"]:  # noqa: ASYNC110 (the server tells nobody)
            await asyncio.sleep(0.02)
        position = editor.insert(position, item.insert_text, version=2)
        (ahead,) = await editor.inline(position)

        assert ahead.insert_text.endswith("\nbar()")
        assert await source_of(editor) == "completion cache"


@pytest.mark.asyncio
async def test_what_was_handled_leaves_nothing_behind(tmp_path) -> None:
    """Of commands and notifications, too, whose futures pygls keeps."""
    async with connect(*write_script(tmp_path, FAST)) as editor:
        counts = []
        for _ in range(3):
            for _ in range(5):
                await editor.stats()
                editor.configure({"coder-lsp": {"maxNewTokens": 8}})
            counts.append((await editor.stats())["pending"])

    assert counts[0] == counts[-1]
