"""Explicit requests and popups' selections, through a real server's stdio."""

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.lsp.test_stdio_requests import FOREVER_MS
from tests.support.editor import URI, Editor, asyncio_future, connect, items, write_script

ANSWER = {"prefix_ends_with": "x = ", "completion": "foo(1)", "alternatives": ["bar", "baz", "no"]}
INVOKED = types.InlineCompletionTriggerKind.Invoked


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_LSP_STATE_DIR", str(tmp_path / "state"))


async def ask(
    editor: Editor,
    position: types.Position,
    kind: types.InlineCompletionTriggerKind = INVOKED,
    selected: types.SelectedCompletionInfo | None = None,
) -> list[Any]:
    params = types.InlineCompletionParams(
        types.InlineCompletionContext(kind, selected), types.TextDocumentIdentifier(URI), position
    )
    method = types.TEXT_DOCUMENT_INLINE_COMPLETION
    return items(await asyncio_future(editor.client.protocol.send_request(method, params)))


def texts(found: list[Any]) -> list[str]:
    return [item.insert_text for item in found]


@pytest.mark.asyncio
async def test_an_explicit_request_has_alternatives_and_an_automatic_one_has_not(
    tmp_path: Path,
) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("x = ‸")

        assert texts(await editor.inline(position)) == ["foo(1)"]
        found = await ask(editor, position)
        assert texts(found) == ["foo(1)", "bar", "baz"]
        assert len({item.command.arguments[0] for item in found}) == 3
        assert texts(await ask(editor, position)) == ["foo(1)", "bar", "baz"]
        usage = (await editor.stats())["usage"]
        assert (usage["shown"], usage["rejected"]) == (1, 0)
        position = editor.insert(position, "bar", version=2)
        await editor.execute(found[1].command.command, *found[1].command.arguments)
        assert (await editor.stats())["usage"]["accepted"] == 1


@pytest.mark.asyncio
async def test_any_alternative_can_be_typed_through(tmp_path: Path) -> None:
    answer = {**ANSWER, "alternatives": ["bar(\n)", "baz"]}
    async with connect(*write_script(tmp_path, answer)) as editor:
        position = editor.open("x = ‸\r\ny")
        assert texts(await ask(editor, position)) == ["foo(1)", "bar(\r\n)", "baz"]
        assert texts(await editor.inline(position)) == ["foo(1)"]
        position = editor.insert(position, "ba", version=2)

        assert texts(await editor.inline(position)) == ["bar(\r\n)"]
        assert (await editor.stats())["lastCompletion"]["source"] == "completion cache"


@pytest.mark.asyncio
async def test_as_many_as_the_setting_says(tmp_path: Path) -> None:
    arguments = write_script(tmp_path, ANSWER)
    async with connect(*arguments, settings={"alternatives": 1}) as editor:
        assert texts(await ask(editor, editor.open("x = ‸"))) == ["foo(1)"]
        assert (await editor.stats())["backend"]["requests"] == 1
        editor.configure({"coder-lsp": {"alternatives": 2}})
        assert texts(await ask(editor, types.Position(0, 4))) == ["foo(1)", "bar"]
        editor.configure({"coder-lsp": {"alternatives": 3}})
        assert texts(await ask(editor, types.Position(0, 4))) == ["foo(1)", "bar", "baz"]


@pytest.mark.asyncio
async def test_the_first_does_not_wait_for_the_others_beyond_the_time_budget(
    tmp_path: Path,
) -> None:
    slowly = {**ANSWER, "completion": "foo(1)", "chunks": 3, "delay_ms": 300}
    settings = {"timeBudgetMs": 300}
    async with connect(*write_script(tmp_path, slowly), settings=settings) as editor:
        position = editor.open("x = ‸")
        first = texts(await ask(editor, position))
        # They were generated on, for who asks again.
        while len(again := texts(await ask(editor, position))) < 3:
            pass

        assert first == ["foo(1)"]
        assert again == ["foo(1)", "bar", "baz"]


@pytest.mark.asyncio
async def test_typing_on_ends_the_search_for_alternatives(tmp_path: Path) -> None:
    endless = {"prefix_ends_with": "x = f", "completion": "oo", "chunks": 1, "delay_ms": FOREVER_MS}
    quick = {"prefix_ends_with": "g", "completion": "o"}
    script = write_script(tmp_path, quick, endless, {**ANSWER, "alternatives": ["f"] * 3})
    async with connect(*script, settings={"timeBudgetMs": 200}) as editor:
        position = editor.open("x = ‸")
        await ask(editor, position)
        position = editor.insert(position, "g", version=2)

        assert texts(await editor.inline(position)) == ["go"]


def selection(start: int, end: int, text: str) -> types.SelectedCompletionInfo:
    return types.SelectedCompletionInfo(
        types.Range(types.Position(0, start), types.Position(0, end)), text
    )


@pytest.mark.asyncio
async def test_what_is_selected_in_a_popup_is_completed_as_if_it_were_typed(tmp_path: Path) -> None:
    answers = [
        {"prefix_ends_with": "\N{GRINNING FACE} append", "completion": "(item)"},
        {"prefix_ends_with": "pp", "completion": "le"},
    ]
    async with connect(*write_script(tmp_path, *answers)) as editor:
        position = editor.open("\N{GRINNING FACE} app‸\nrest")
        automatic = types.InlineCompletionTriggerKind.Automatic
        chosen = selection(3, 6, "append")
        (item,) = await ask(editor, position, automatic, chosen)
        nothing = await ask(editor, position, automatic, selection(3, 6, "apply"))

        assert item.insert_text == item.filter_text == "append(item)"
        assert item.range == chosen.range
        assert nothing == []
        assert texts(await editor.inline(position)) == ["apple"]
        (item,) = await ask(editor, position, automatic, chosen)
        editor.insert(position, "end(item)", version=2)
        usage = (await editor.stats())["usage"]
        assert (usage["accepted"], usage["acceptedCharacters"]) == (1, 9)


@pytest.mark.asyncio
async def test_a_repeated_request_is_answered_at_once_from_what_is_known(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("x = ‸")
        first = [await editor.inline(position) for _ in range(3)]

        assert [texts(found) for found in first] == [["foo(1)"]] * 3
        stats = await editor.stats()
        assert stats["backend"]["requests"] == 1
        assert stats["usage"]["shown"] == 1
