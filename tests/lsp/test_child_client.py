import asyncio
import os
import signal

import pytest

from coder_lsp.child_client import position_of, start_child
from coder_lsp.errors import BackendError
from tests.support.snapshots import snapshot_of

SILENT_SCRIPT = '{"default": {"completion": ""}}'


@pytest.fixture
def options(tmp_path):
    path = tmp_path / "script.json"
    path.write_text(SILENT_SCRIPT, encoding="utf-8")
    return {"backend": "scripted", "script": str(path)}


def check_position(text_with_cursor, line, character):
    position = position_of(snapshot_of(text_with_cursor))

    assert (position.line, position.character) == (line, character)


def test_positions_count_code_points_after_lsp_line_ends():
    check_position("‸", 0, 0)
    check_position("a\r\nb\rc\n‸", 3, 0)
    check_position("a\r‸\n", 1, 0)
    check_position("x\n👍🏽\f\u2028e\u0301‸ z\n", 1, 6)


def test_what_is_typed_arrives_where_the_cursor_is(options, tmp_path):
    (tmp_path / "script.json").write_text(
        '{"answers": [{"prefix_ends_with": "\\né👍ab", "completion": "yes"}]}', encoding="utf-8"
    )

    async def type_and_complete():
        async with start_child([], options) as client:
            await client.wait_until_ready()
            document = snapshot_of("\f\r\né👍‸ z\n")
            client.open(document)
            for character in "ab":
                document = client.type_text(document, character)
            completion = await client.complete(document)
            client.close(document)
            return document, completion

    document, completion = asyncio.run(type_and_complete())

    assert (document.prefix, document.suffix, document.version) == ("\f\r\né👍ab", " z\n", 3)
    assert completion.ghost_text == "yes"
    assert completion.figures.usage.num_generated_tokens == 1


def test_the_child_ends_with_the_block_also_by_an_error(options):
    async def fail():
        async with start_child([], options) as client:
            fail.process = client._client._server
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())

    assert fail.process.returncode is not None


def test_a_child_that_dies_is_told_with_the_end_of_its_log(options):
    async def refuse():
        async with start_child(["--no-such-option"], options):
            pytest.fail("a server that has ended was initialized")

    with pytest.raises(BackendError, match=r"ended with status 2.*(?s:.)*--no-such-option"):
        asyncio.run(refuse())


def test_a_child_that_is_killed_at_work_is_told(options):
    async def kill():
        async with start_child([], options) as client:
            os.kill(client.pid, signal.SIGTERM)
            await client.wait_until_ready()

    with pytest.raises(BackendError, match="The server ended with status"):
        asyncio.run(kill())


def test_nothing_of_the_open_folder_is_imported(options, tmp_path, monkeypatch):
    folder = tmp_path / "hostile"
    (folder / "coder_lsp").mkdir(parents=True)
    for name in ("click.py", "json.py", "pygls.py", "coder_lsp/__init__.py", "coder_lsp/cli.py"):
        (folder / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.chdir(folder)

    async def start():
        async with start_child([], options) as client:
            await client.wait_until_ready()

    asyncio.run(start())
    assert not (tmp_path / "ran").exists()
