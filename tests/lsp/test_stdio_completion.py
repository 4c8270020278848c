"""Completions as an editor gets them, through a real server's stdio."""

from pathlib import Path

import pytest
from lsprotocol import types

from tests.support.editor import (
    URI,
    Editor,
    asyncio_future,
    connect,
    items,
    num_units,
    write_script,
)

LINE = 'x = "\N{GRINNING FACE}e\u0301" + name_e\u0301‸'
ANSWER = {"prefix_ends_with": "name_e\u0301", "completion": "_end\n    + 1"}
ANSWER_AFTER_EDITS = {
    "prefix_ends_with": '\rb = "\N{GRINNING FACE}\u00e9" + va',
    "completion": "lue",
}


def check_replaces_typed_word(editor: Editor, edit_range: types.Range, text: str) -> None:
    """The range holds ``name_é`` alone, in the client's columns; the text repeats it."""
    line = LINE.removesuffix("‸")
    word = "name_e\u0301"
    start = num_units(line.removesuffix(word), editor.encoding)
    end = num_units(line, editor.encoding)

    assert edit_range == types.Range(types.Position(1, start), types.Position(1, end))
    assert text == word + "_end\n    + 1"


@pytest.mark.asyncio
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_completions_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    arguments = write_script(tmp_path, ANSWER, ANSWER_AFTER_EDITS)
    settings = {"plainCompletion": "always"}
    async with connect(*arguments, encoding=encoding, settings=settings) as editor:
        assert editor.result.capabilities.position_encoding == encoding
        position = editor.open("\u2028\f# first\n" + LINE + "\n")
        check_inline_item(editor, await editor.inline(position))
        check_plain_list(editor, await editor.plain(position))

        position = editor.open('a\f\u0085\u2028b\rb = "\N{GRINNING FACE}‸"\r\nrest')
        position = editor.insert(position, "\u00e9", version=2)
        after_quote = types.Position(position.line, position.character + 1)
        position = editor.insert(after_quote, " + va", version=3)
        (item,) = await editor.inline(position)
        assert item.insert_text == "value"


def check_inline_item(editor: Editor, found: list[types.InlineCompletionItem]) -> None:
    (item,) = found
    check_replaces_typed_word(editor, item.range, item.insert_text)
    assert item.filter_text == item.insert_text
    assert item.command.command == "coder-lsp.accept"


def check_plain_list(editor: Editor, answer: types.CompletionList) -> None:
    (item,) = answer.items
    check_replaces_typed_word(editor, item.text_edit.range, item.text_edit.new_text)
    assert answer.is_incomplete
    assert item.label == item.filter_text == "name_e\u0301_end"
    assert item.preselect
    assert item.insert_text_format == types.InsertTextFormat.PlainText
    assert list(item.additional_text_edits) == []  # with these three no client asks to resolve
    assert item.detail
    assert "+ 1" in item.documentation.value


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("setting", "before", "after"),
    [("auto", True, False), ("always", True, True), ("never", False, False)],
)
async def test_plain_completion_steps_back_for_inline(
    tmp_path: Path, setting: str, *, before: bool, after: bool
) -> None:
    arguments = write_script(tmp_path, {"prefix_ends_with": "a", "completion": "bc"})
    async with connect(*arguments, settings={"plainCompletion": setting}) as editor:
        position = editor.open("a‸")

        assert bool(items(await editor.plain(position))) is before
        assert await editor.inline(position)
        assert bool(items(await editor.plain(position))) is after


@pytest.mark.asyncio
async def test_a_popup_is_to_ask_again_after_nothing(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path)) as editor:
        answer = await editor.plain(editor.open("a‸"))

        assert answer.is_incomplete
        assert list(answer.items) == []


@pytest.mark.asyncio
async def test_nothing_to_say_is_an_empty_list(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path)) as editor:
        position = editor.open("a‸")

        assert await asyncio_future(editor.ask_inline(position)) == []
        assert await asyncio_future(editor.ask_inline(position, uri="file:///not/open")) == []
        assert (await editor.stats())["session"]["empty"] == 1


@pytest.mark.asyncio
async def test_acceptance_is_counted_once(tmp_path: Path) -> None:
    arguments = write_script(tmp_path, {"prefix_ends_with": "a", "completion": "bc"})
    async with connect(*arguments) as editor:
        (item,) = await editor.inline(editor.open("a‸"))

        for _ in range(2):
            await editor.execute(item.command.command, *item.command.arguments)
        assert await editor.execute(item.command.command, "unheard of") is None
        session = (await editor.stats())["session"]
        assert (session["shown"], session["accepted"]) == (1, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(("setting", "num_asked"), [(True, 1), (False, 3)])
async def test_typing_through_a_completion_asks_no_backend(
    tmp_path: Path, *, setting: bool, num_asked: int
) -> None:
    answers = [
        {"prefix_ends_with": "value = co", "completion": "unt"},
        {"prefix_ends_with": "value = cou", "completion": "nt"},
        {"prefix_ends_with": "value = coun", "completion": "t"},
    ]
    arguments = write_script(tmp_path, *answers)
    async with connect(*arguments, settings={"completionCache": setting}) as editor:
        position = editor.open("value = co‸\n")
        texts = []
        for version, character in enumerate(("", "u", "n"), start=2):
            position = editor.insert(position, character, version=version)
            texts += [item.insert_text for item in await editor.inline(position)]

        assert texts == ["count"] * 3
        assert (await editor.stats())["backend"]["requests"] == num_asked


@pytest.mark.asyncio
async def test_requests_wait_for_the_model(tmp_path: Path) -> None:
    arguments = write_script(tmp_path, {"prefix_ends_with": "a", "completion": "bc"})
    async with connect(*arguments, progress=True) as editor:
        (item,) = await editor.inline(editor.open("a‸"))
        reports = editor.client.progress_reports
        await editor.wait_until(lambda: sum(map(len, reports.values())) == 2)

        assert item.insert_text == "abc"
        (of_token,) = reports.values()
        assert [report.kind for report in of_token] == ["begin", "end"]


@pytest.mark.asyncio
async def test_trigger_kind_counting_from_zero_is_accepted(tmp_path: Path) -> None:
    arguments = write_script(tmp_path, {"prefix_ends_with": "a", "completion": "bc"})
    async with connect(*arguments) as editor:
        editor.open("a‸")
        params = {
            "textDocument": {"uri": URI},
            "position": {"line": 0, "character": 1},
            "context": {"triggerKind": 0},
        }

        answer = await asyncio_future(
            editor.send_raw(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)
        )

        assert len(answer.items) == 1


NAMELESS = ["file://", "file:///", "file:", "untitled:", ""]


@pytest.mark.asyncio
@pytest.mark.parametrize("uri", NAMELESS)
async def test_of_several_buffers_without_a_name_none_is_completed(
    tmp_path: Path, uri: str
) -> None:
    """They share one URI, so a change that fits the first would be made in the second."""
    arguments = write_script(
        tmp_path,
        {"prefix_ends_with": "first", "completion": "_one"},
        {"prefix_ends_with": "second", "completion": "_two"},
    )
    async with connect(*arguments) as editor:
        position = editor.open("first‸", uri=uri)
        assert await editor.inline(position, uri=uri)

        longer = editor.open("second\nsecond‸", uri=uri)
        assert await editor.inline(longer, uri=uri) == []
        editor.insert(position, "x", version=2, uri=uri)
        assert await editor.inline(position, uri=uri) == []
        editor.close(uri)
        assert await editor.inline(position, uri=uri) == []
        editor.close(uri)

        position = editor.open("second‸", uri=uri)
        (item,) = await editor.inline(position, uri=uri)
        assert "_two" in str(item)
        named = editor.open("first‸", uri="file:///w/a.py")
        assert editor.open("second‸", uri="file:///w/a.py") != named
        assert await editor.inline(named, uri="file:///w/a.py") == []
