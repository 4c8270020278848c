"""What a backend has to say of how it runs: logged, shown once, and kept in the status."""

import asyncio
import logging

import pytest

from coder_lsp.backends.scripted import ScriptedBackend
from coder_lsp.lsp import app, loading
from coder_lsp.settings import Settings

NOTICE = "Completions run on the CPU, not on the GPU, and are slow. Do this."


class SlowBackend(ScriptedBackend):
    is_instruct = False
    notices = (NOTICE,)


@pytest.fixture
def shown(monkeypatch, caplog):
    """Load the backend twice; return the messages shown, the last status, and the log."""
    monkeypatch.setattr(app, "create_backend", lambda _: SlowBackend(()))

    async def load_twice():
        server = app.create_server(Settings())
        messages, statuses = [], []
        monkeypatch.setattr(server, "tell", lambda kind, message: messages.append(message))
        monkeypatch.setattr(server.status, "_send", statuses.append)
        await loading.load_backend(server)
        await loading.load_backend(server)
        assert server.scheduler.close(timeout_seconds=60)
        return messages, statuses

    with caplog.at_level(logging.WARNING):
        messages, statuses = asyncio.run(load_twice())
    return messages, statuses[-1], [record.getMessage() for record in caplog.records]


def test_a_notice_is_shown_once_logged_and_kept_in_the_status(shown):
    messages, status, log = shown

    assert messages == [NOTICE]
    assert (status.kind, status.message) == ("ready", f"Ready: scripted. {NOTICE}")
    assert NOTICE in log
