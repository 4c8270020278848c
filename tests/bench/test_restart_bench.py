import pytest

from bench import restart
from bench.restart import measure
from coder_lsp.backends import stored_documents
from coder_lsp.backends.local import LocalBackend
from coder_lsp.paths import CACHE_VARIABLE
from coder_lsp.settings import Settings


@pytest.fixture
def balance(monkeypatch, tmp_path):
    """Count the backends that are loaded and closed."""
    counts = {"loaded": 0, "closed": 0}
    load, close = LocalBackend.load, LocalBackend.close

    def counted_load(settings):
        counts["loaded"] += 1
        return load(settings)

    def counted_close(backend):
        counts["closed"] += 1
        close(backend)

    monkeypatch.setattr(stored_documents, "is_temporary", lambda _: False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(restart.LocalBackend, "load", counted_load)
    monkeypatch.setattr(restart.LocalBackend, "close", counted_close)
    return counts


def test_every_backend_that_is_loaded_is_closed(balance, tmp_path):
    settings = Settings(context_tokens=1024, time_budget_ms=600_000, max_new_tokens=1)
    figures = measure(settings, tmp_path, 1)

    assert balance == {"loaded": 3, "closed": 3}
    assert figures["equal"]
    assert figures["new_tokens"]["restarted"] < figures["new_tokens"]["anew"]
