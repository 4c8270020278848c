"""What a real server counts of its completions, told by command or read off the edits."""

import json
from pathlib import Path

import pytest
from lsprotocol import types

from coder_lsp.paths import usage_path
from tests.support.editor import connect, write_script

ANSWER = {"prefix_ends_with": "pri", "completion": "nt(1)"}


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_STATE_DIR", str(tmp_path / "state"))


def check_counts(found, **expected):
    assert {key: found[key] for key in expected} == expected


@pytest.mark.asyncio
@pytest.mark.parametrize("is_told", [True, False])
async def test_acceptance_is_counted_once_and_kept(tmp_path: Path, *, is_told: bool) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("pri‸", language_id="rust")
        (item,) = await editor.inline(position)
        change = types.TextDocumentContentChangePartial(item.range, item.insert_text)
        document = types.VersionedTextDocumentIdentifier(2, "file:///w/a.py")
        editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(document, [change])
        )
        if is_told:
            await editor.execute(item.command.command, *item.command.arguments)
        usage = (await editor.stats())["usage"]
        check_counts(usage, shown=1, accepted=1, rejected=0, acceptedCharacters=5)
        check_counts(usage["byLanguage"]["rust"], shown=1, accepted=1)
        (name,) = usage["byEditor"]

    kept = json.loads(usage_path().read_text())
    check_counts(kept, shown=1, accepted=1, acceptedCharacters=5)
    assert list(kept["byEditor"]) == [name]
    assert "print" not in usage_path().read_text()


@pytest.mark.asyncio
async def test_parts_and_refusals(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("pri‸")
        (item,) = await editor.inline(position)
        await editor.execute(item.command.command, *item.command.arguments, 2)
        await editor.execute(item.command.command, *item.command.arguments, 2)
        usage = (await editor.stats())["usage"]
        check_counts(usage, partiallyAccepted=1, accepted=0, acceptedCharacters=2)
        position = editor.open("pri‸", uri="file:///w/b.py")
        await editor.inline(position, uri="file:///w/b.py")
        editor.insert(position, "z", version=2, uri="file:///w/b.py")

        usage = (await editor.stats())["usage"]
        check_counts(usage, shown=2, partiallyAccepted=1, rejected=1)


@pytest.mark.asyncio
async def test_counts_are_written_while_the_server_runs(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        await editor.inline(editor.open("pri‸"))
        await editor.wait_until(usage_path().exists)
        usage = (await editor.stats())["usage"]

        check_counts(usage, shown=1)
        check_counts(json.loads(usage_path().read_text()), shown=1)


@pytest.mark.asyncio
async def test_damaged_counts_are_told_once(tmp_path: Path) -> None:
    usage_path().parent.mkdir()
    usage_path().write_text("{")
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        await editor.inline(editor.open("pri‸"))
        await editor.wait_until(lambda: bool(editor.shown))

        assert str(usage_path()) in editor.shown[0]
        check_counts((await editor.stats())["usage"], shown=1)


@pytest.mark.asyncio
async def test_a_state_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("pri‸")

        assert await editor.inline(position)
        check_counts((await editor.stats())["usage"], shown=1)
