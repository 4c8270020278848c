"""Settings as clients send them: what is wrong is told once, and the server goes on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types

from tests.support.editor import connect, write_script

ANSWER = {"prefix_ends_with": "a", "completion": "bc"}


@pytest.mark.asyncio
async def test_wrong_settings_are_told_once_and_the_server_goes_on(tmp_path: Path) -> None:
    wrong = {"maxNewToken": 3, "threads": "many", "plainCompletion": "never"}
    async with connect(*write_script(tmp_path, ANSWER), settings=wrong) as editor:
        position = editor.open("a‸")
        assert await editor.inline(position)
        editor.configure({"coder-lsp": wrong})
        editor.configure({"coder-lsp": {**wrong, "modle": ""}})
        editor.configure({"some-other-server": {"strict": True}})
        editor.configure(["no", "object"])

        assert await editor.plain(position) == []  # the good value among the wrong ones counts
        assert await editor.inline(position)
        assert len(editor.shown) == 4
        for word in ("maxNewTokens", "threads", "modle", "object"):
            assert any(word in message for message in editor.shown), word


@pytest.mark.asyncio
async def test_settings_are_asked_for_when_null_is_pushed(tmp_path: Path) -> None:
    async with connect(*write_script(tmp_path, ANSWER)) as editor:
        position = editor.open("a‸")
        assert (await editor.plain(position)).items
        editor.client.set_configuration({"plainCompletion": "never"}, section="coder-lsp")

        editor.configure(None)

        while await editor.plain(position) != []:
            pass


@pytest.mark.asyncio
async def test_a_model_that_cannot_be_loaded_is_told_once_and_can_be_replaced(
    tmp_path: Path,
) -> None:
    arguments = write_script(tmp_path, ANSWER)
    missing = str(tmp_path / "missing.json")
    async with connect(*arguments, settings={"script": missing}, progress=True) as editor:
        position = editor.open("a‸")
        assert await editor.inline(position) == []
        assert await editor.inline(position) == []
        assert len(editor.shown) == 1
        assert missing in editor.shown[0]

        editor.configure({"coder-lsp": {"script": arguments[-1]}})
        assert await editor.inline(position)
        editor.configure({"coder-lsp": {"backend": "local", "model": str(tmp_path)}})
        assert await editor.inline(position) == []
        (_, message) = editor.shown
        assert str(tmp_path) in message
        assert "coder-lsp install" in message
        editor.configure({"coder-lsp": {"script": arguments[-1]}})
        assert await editor.inline(position)
        ends = [
            report.message
            for reports in editor.client.progress_reports.values()
            for report in reports
            if isinstance(report, types.WorkDoneProgressEnd)
        ]
        assert ends.count("There is no completion model") == 2


def test_the_log_never_quotes_the_user(tmp_path: Path) -> None:
    document = {"uri": "file:///secret.py", "languageId": "python", "version": 1, "text": "secret"}
    start = {"processId": None, "rootUri": None, "capabilities": {}}
    messages = [
        {"id": 1, "method": "initialize", "params": start},
        {"method": "textDocument/didOpen", "params": {"textDocument": document}},
        {"method": "textDocument/didChange", "params": {"textDocument": "secret"}},
        {"id": 2, "method": "textDocument/inlineCompletion", "params": {"position": "secret"}},
        {"id": 3, "method": "workspace/executeCommand", "params": {"command": "secret"}},
    ]
    bodies = [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
    bodies.append(b'{"secret"')
    sent = b"".join(b"content-length:%d\r\n\r\n%b" % (len(body), body) for body in bodies)
    sent = b"secret" * 100_000 + b"\r\n\r\n" + sent
    command = [sys.executable, "-m", "coder_lsp", "serve", *write_script(tmp_path, ANSWER)]

    ended = subprocess.run(command, input=sent, capture_output=True, timeout=60, check=False)

    assert ended.returncode == 1  # nobody asked it to shut down
    assert ended.stdout.count(b'"jsonrpc"') == 4
    assert ended.stderr.count(b"malformed") == 2
    assert b"secret" not in ended.stderr
