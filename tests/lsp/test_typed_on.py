"""Plain completion for a client that asks once and types on while it waits, as Helix does."""

from typing import Any

import pytest
from lsprotocol import types

from tests.support.editor import Editor, asyncio_future, connect, write_script

SLOW = {"prefix_ends_with": "pr", "completion": "int(1)", "delay_ms": 200}
AFTER = {"prefix_ends_with": "pri", "completion": "nt(1)"}
CALL = {"prefix_ends_with": "pr(", "completion": "1"}
OTHER = {"prefix_ends_with": "pra", "completion": "y = 2"}


def ask_plain(editor: Editor, position: types.Position) -> Any:
    identifier = types.TextDocumentIdentifier("file:///w/a.py")
    params = types.CompletionParams(identifier, position)
    return editor.client.protocol.send_request(types.TEXT_DOCUMENT_COMPLETION, params)


async def check_typed_on(
    tmp_path: Any, typed: str, new_text: str | None, *, far_edit: bool = False
) -> None:
    """Ask behind ``pr``, type on at once, and compare what the first request is answered."""
    arguments = write_script(tmp_path, OTHER, CALL, AFTER, SLOW)
    async with connect(*arguments, settings={"plainCompletion": "always"}) as editor:
        start = editor.open("x\n  pr‸)\n")
        pending = ask_plain(editor, start)
        await editor.execute("coder-lsp.accept", "no offer")  # the server has read the request
        editor.insert(start, typed, version=2)
        if far_edit:
            editor.insert(types.Position(0, 0), "#", version=3)
        answer = await asyncio_future(pending)

        if new_text is None:
            assert not answer.items
            return
        (item,) = answer.items
        assert item.text_edit.range == types.Range(types.Position(1, 2), start)
        assert item.text_edit.new_text == item.filter_text == new_text


@pytest.mark.asyncio
@pytest.mark.parametrize(("typed", "new_text"), [("i", "print(1)"), ("a", "pray = 2")])
async def test_a_word_typed_on_is_completed_for_the_position_of_the_request(
    tmp_path, typed, new_text
) -> None:
    await check_typed_on(tmp_path, typed, new_text)


@pytest.mark.asyncio
async def test_after_another_character_the_client_asks_by_itself(tmp_path) -> None:
    await check_typed_on(tmp_path, "(", None)


@pytest.mark.asyncio
async def test_an_edit_elsewhere_ends_it(tmp_path) -> None:
    await check_typed_on(tmp_path, "i", None, far_edit=True)


@pytest.mark.asyncio
async def test_a_newer_request_is_the_one_that_is_answered(tmp_path) -> None:
    arguments = write_script(tmp_path, AFTER, SLOW)
    async with connect(*arguments, settings={"plainCompletion": "always"}) as editor:
        start = editor.open("  pr‸\n")
        first = ask_plain(editor, start)
        await editor.execute("coder-lsp.accept", "no offer")
        second = ask_plain(editor, editor.insert(start, "i", version=2))

        assert not (await asyncio_future(first)).items
        (item,) = (await asyncio_future(second)).items
        assert item.text_edit.new_text == "print(1)"
