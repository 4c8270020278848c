"""On, off, snoozed, loaded anew: the commands and the setting, through a real server's stdio."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.lsp.test_stdio_requests import FOREVER_MS, let_engine_begin
from tests.support.editor import asyncio_future, connect, to_dict, write_script

ON, OFF = True, False
ANSWER = {"prefix_ends_with": "a", "completion": "bc"}
ENDLESS = {"prefix_ends_with": "pre", "completion": "x", "prefill_ms": FOREVER_MS}
SLOW = {"prefix_ends_with": "slow", "completion": "x", "prefill_ms": 600}


@pytest.mark.asyncio
async def test_toggled_off_nothing_is_generated_and_what_waits_is_answered(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER, ENDLESS)) as editor:
        pending = editor.ask_inline(editor.open("pre‸"))
        await let_engine_begin(editor)

        assert to_dict(await editor.execute("coder-lsp.toggle")) == {"enabled": False}
        assert await asyncio_future(pending) == []
        position = editor.open("a‸")
        before = (await editor.stats())["backend"]
        assert await asyncio_future(editor.ask_inline(position)) == []
        assert await editor.plain(position) == []
        await asyncio.sleep(0.2)  # idle work would have begun by now
        assert (await editor.stats())["backend"] == before

        assert to_dict(await editor.execute("coder-lsp.toggle", ON)) == {"enabled": True}
        assert await editor.inline(position)
        assert editor.status_kinds[-2:] == ["off", "ready"]


@pytest.mark.asyncio
async def test_snoozed_for_a_while(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("a‸")
        assert await editor.inline(position)

        assert to_dict(await editor.execute("coder-lsp.snooze")) == {"snoozedSeconds": 600}
        assert await asyncio_future(editor.ask_inline(position)) == []
        assert to_dict(await editor.execute("coder-lsp.snooze", 0)) == {"snoozedSeconds": 0}
        assert await editor.inline(position)
        await editor.execute("coder-lsp.snooze", 10)
        # Who toggles now wants completions back, and not off for good.
        assert to_dict(await editor.execute("coder-lsp.toggle")) == {"enabled": True}
        assert await editor.inline(position)
        await editor.execute("coder-lsp.snooze", 0.001)
        await editor.wait_until(lambda: editor.status_kinds[-2:] == ["snoozed", "ready"])
        assert await editor.inline(position)


@pytest.mark.asyncio
async def test_the_setting_wins_when_it_changes_and_no_model_is_loaded_before(
    tmp_path: Path,
) -> None:
    arguments = write_script(tmp_path, ANSWER)
    async with connect(*arguments, settings={"enabled": False}) as editor:
        position = editor.open("a‸")
        assert await asyncio_future(editor.ask_inline(position)) == []
        assert (await editor.stats())["backend"] == {}
        assert editor.status_kinds == ["off"]

        editor.configure({"coder-lsp": {"enabled": True}})
        assert await editor.inline(position)
        await editor.execute("coder-lsp.toggle", OFF)
        editor.configure({"coder-lsp": {"enabled": True, "maxNewTokens": 9}})
        assert await asyncio_future(editor.ask_inline(position)) == []  # the toggle lasts
        assert editor.status_kinds == ["off", "starting", "loading", "ready", "off"]


@pytest.mark.asyncio
async def test_the_status_tells_what_is_wrong_and_a_restart_mends_it(tmp_path: Path) -> None:
    script = tmp_path / "late.json"
    arguments = ("--backend", "scripted", "--script", str(script))
    async with connect(*arguments) as editor:
        position = editor.open("a‸")
        assert await editor.inline(position) == []
        kind, message, _ = editor.statuses[-1]
        assert kind == "error"
        assert str(script) in message
        assert "coder-lsp.backend" in message  # the remedy

        script.write_text(json.dumps({"answers": [ANSWER]}), encoding="utf-8")
        assert await editor.execute("coder-lsp.restartModel") is None
        assert await editor.inline(position)
        kinds = ["starting", "loading", "error", "loading", "ready"]
        await editor.wait_until(lambda: editor.status_kinds == kinds)


@pytest.mark.asyncio
async def test_busy_is_told_while_somebody_waits(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER, SLOW)) as editor:
        assert await editor.inline(editor.open("a‸", uri="file:///w/b.py"), uri="file:///w/b.py")
        assert await editor.inline(editor.open("slow‸"))
        await editor.wait_until(lambda: editor.status_kinds[-2:] == ["busy", "ready"])

        assert editor.status_kinds == ["starting", "loading", "ready", "busy", "ready"]


@pytest.mark.asyncio
async def test_a_closed_connection_while_snoozed_ends_the_server(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        await editor.execute("coder-lsp.snooze")
        await editor.client.shutdown_session()

        assert await editor.process.wait() == 0
