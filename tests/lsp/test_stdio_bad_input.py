"""Documents that no editor's author had in mind, through a real server's stdio."""

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled

from tests.support.editor import Editor, asyncio_future, connect, write_script

FIM_TOKENS = (
    "<｜begin▁of▁sentence｜><｜fim▁begin｜><｜fim▁hole｜><｜fim▁end｜><｜end▁of▁sentence｜>"
)
LONG = "x = foo(bar, baz)  # some more text\n" * 150_000
DOCUMENTS = {
    "empty": "‸",
    "five megabytes": LONG + "value‸\n" + LONG,
    "one line": "a=1;" * 500_000 + "value‸;" + "b=2;" * 500_000,
    "CRLF": "first\r\nvalue‸\r\nlast\r\n",
    "lone CR": "first\rvalue‸\rlast\r",
    "FIM tokens": FIM_TOKENS + "\n" + FIM_TOKENS + "value‸" + FIM_TOKENS,
    "controls": "\0\x01\x1b[31m\ufeff\ufffe value‸\x7f\n",
    "right to left": "\u202e\u05e9\u05dc\u05d0\u202c value‸\n",
}
ANSWER = {"prefix_ends_with": "value", "completion": "_of"}


async def check_answered(editor: Editor, name: str) -> list[types.InlineCompletionItem]:
    uri = f"file:///w/{name}.py"
    position = editor.open(DOCUMENTS[name], uri=uri)
    found = await editor.inline(position, uri=uri)
    editor.close(uri)
    return found


@pytest.mark.asyncio
async def test_unusual_documents_are_completed(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        for name in DOCUMENTS:
            found = await check_answered(editor, name)

            texts = [item.insert_text for item in found]
            assert texts == ([] if name == "empty" else ["value_of"]), name
        assert editor.shown == []


@pytest.mark.asyncio
async def test_unusual_documents_are_answered_by_the_embedded_model() -> None:
    async with connect() as editor:
        for name in DOCUMENTS:
            await check_answered(editor, name)
        assert editor.shown == []


@pytest.mark.asyncio
async def test_positions_outside_the_text_are_taken_to_its_edges(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        editor.open("value‸\r\nlast value")
        far = 2**31 - 1
        for line, end_line, end_character in ((0, 0, 5), (1, 1, 10), (2, 1, 10), (far, 1, 10)):
            (item,) = await editor.inline(types.Position(line, far))
            assert item.range.end == types.Position(end_line, end_character)

        outside = types.Range(types.Position(far, far), types.Position(far, far))
        change = types.TextDocumentContentChangePartial(outside, " value")
        identifier = types.VersionedTextDocumentIdentifier(2, "file:///w/a.py")
        editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(identifier, [change])
        )
        (item,) = await editor.inline(types.Position(far, 0))
        assert item.range.end == types.Position(1, 16)


@pytest.mark.asyncio
async def test_changes_to_unknown_documents_do_no_harm(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        editor.insert(types.Position(0, 0), "x", version=2)
        editor.close("file:///w/never/opened.py")

        assert await editor.inline(editor.open("value‸"))
        assert editor.shown == []


@pytest.mark.asyncio
async def test_the_embedded_model_answers_cancels_and_forgets() -> None:
    source = "def add(first, second):\n    return " + "‸" + "\n\n\nprint(add(1, 2))\n"
    filler = "".join(f"def f{i}(x):\n    return x + {i}\n\n\n" for i in range(400))
    async with connect(settings={"completionCache": False}) as editor:
        position = editor.open(source)
        (first,) = await editor.inline(position)
        (again,) = await editor.inline(position)
        assert first.insert_text == again.insert_text != ""

        uris = [f"file:///w/long_{i}.py" for i in range(3)]
        for i, uri in enumerate(uris):  # a new prompt each time, of a second or so
            far = editor.open(f"first = {i}\n{filler}{source}", uri=uri)
            pending = asyncio_future(editor.ask_inline(far, uri=uri, msg_id=f"cancelled {i}"))
            await editor.execute("coder-lsp.accept", "no offer")  # the server has the request now
            await asyncio.sleep(0.03 * i)
            editor.client.cancel_request(types.CancelParams(f"cancelled {i}"))
            with pytest.raises(JsonRpcRequestCancelled):
                await pending
        assert await editor.inline(position)
        assert [editor.num_answers[f"cancelled {i}"] for i in range(3)] == [1, 1, 1]

        before = await editor.stats()
        editor.close()
        for uri in uris:
            editor.close(uri)
        after = await editor.stats()
        assert after["session"]["documents"] == 0
        assert before["backend"]["num_tokens"] > 0
        assert (after["backend"]["num_tokens"], after["backend"]["num_sequences"]) == (0, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "uri",
    [
        "file:///w/a%3Ab.py",
        "file:///c%3A/Users/x/a.py",
        "file:///w/with blank.py",
        "file:///w/with%20blank.py",
        "file:///w/größe ü 文.py",
        "file:///w/gr%C3%B6%C3%9Fe.py",
        "untitled:Untitled-1",
        "vscode-notebook-cell:/w/a.ipynb#W0sZmlsZQ%3D%3D",
    ],
)
async def test_a_document_is_known_by_its_uri_as_the_client_writes_it(
    tmp_path: Path, uri: str
) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("value‸", uri=uri)

        assert [item.insert_text for item in await editor.inline(position, uri=uri)] == ["value_of"]


@pytest.mark.asyncio
async def test_no_blanks_are_added_to_the_first_line(tmp_path: Path) -> None:
    answer = {"prefix_ends_with": "    ", "completion": "return 1\n    # end"}
    async with connect(*write_script(tmp_path, answer)) as editor:
        (item,) = await editor.inline(editor.open("def f():\n    ‸\n"))

        assert item.insert_text == "return 1\n    # end"
        assert item.range.start == item.range.end == types.Position(1, 4)
