"""A restart with the embedded model: what was computed before is read, not computed again."""

import pytest

from coder_lsp.backends.local import LocalBackend
from coder_lsp.backends.stored_documents import may_be_stored
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.engine import Engine, EngineOptions
from coder_lsp.engine.store.sequence_folder import SequenceFolder
from coder_lsp.engine.store.sequence_store import DiskCacheOptions
from coder_lsp.generation import GenerationOptions
from coder_lsp.paths import sequences_path
from coder_lsp.request import Request
from coder_lsp.settings import Settings
from tests.support.snapshots import snapshot_of

BODY = "".join(f"def f{i}(value):\n    return value + {i}\n\n\n" for i in range(12))
FILE = f'import json\n\n\n{BODY}def read(path):\n    with ‸\n\n\n{BODY}read("a.json")\n'


@pytest.fixture
def start(folder, tmp_path):
    """Start a backend as a new server would."""

    def start(lookup="off"):
        disk = DiskCacheOptions(tmp_path, 1 << 30)
        # Without drafts, and in one thread: then the same text is computed by the same steps.
        engine = Engine(folder, EngineOptions(1, lookup=lookup, disk_cache=disk))
        return LocalBackend(engine, context_tokens=1024, prefill_seconds=60)

    return start


def request_of(text, uri="file:///a.py"):
    return Request(snapshot_of(text, uri), GenerationOptions(max_new_tokens=12))


def complete(backend, text=FILE, uri="file:///a.py"):
    chunks = list(backend.stream(request_of(text, uri), CancellationToken()))
    return "".join(chunk.text for chunk in chunks), chunks[-1].usage


def check_restored(backend, text=FILE, most=1, says=None):
    found, usage = complete(backend, text)

    assert usage.num_prompt_tokens > 300
    assert usage.num_new_tokens <= most
    assert says is None or found == says


def test_after_a_restart_the_same_request_computes_one_token(start):
    first = start()
    says, _ = complete(first)
    first.close()
    second = start()

    check_restored(second, says=says)
    stats = second.stats()
    assert (stats["disk_hits"], stats["disk_files"]) == (1, 1)
    assert stats["disk_tokens"] > 300
    assert stats["disk_bytes"] > 100_000


def test_a_file_closed_and_opened_again_is_read(start):
    backend = start()
    says, _ = complete(backend)
    backend.forget("file:///a.py")
    assert backend.stats()["num_bytes"] == 0

    check_restored(backend, says=says)


def test_after_typing_the_anchor_comes_back_with_its_rows(start):
    """Without it the text typed since would belong to the prefix, before the whole suffix."""
    typed = FILE.replace("‸", "open(path) as file:\n        text = file.read()\n        ret‸")
    first = start()
    complete(first)
    complete(first, typed)
    first.close()

    check_restored(start(), typed)


@pytest.mark.parametrize("note", [b"", b"no JSON", b"[1, 2]", b"\xff"])
def test_the_note_of_another_version_is_passed_over(start, note):
    first = start()
    says, _ = complete(first)
    first._engine.retire("file:///a.py#0", "file:///a.py", note)
    first._engine.close()

    check_restored(start(), says=says)


def test_an_edit_while_the_server_was_away_costs_what_it_changed(start):
    first = start()
    complete(first)
    first.close()
    changed = FILE.replace('read("a.json")', 'read("b.json")')

    check_restored(start(), changed, most=40)


def test_a_killed_server_leaves_what_it_wrote_in_idle_time(start):
    first = start()
    says, _ = complete(first)
    first.prepare(request_of(FILE), CancellationToken())

    check_restored(start(), says=says)


def test_few_new_tokens_are_not_written_again_while_the_file_is_open(start, tmp_path):
    backend = start()
    backend.prepare(request_of(FILE), CancellationToken())
    (path,) = tmp_path.glob("*.kv")
    before = path.read_bytes()
    typed = "open(path) as file:\n        for line in file:\n            yield json.loads(line)‸"
    backend.prepare(request_of(FILE.replace("‸", typed)), CancellationToken())

    assert path.read_bytes() == before
    backend.close()
    assert path.read_bytes() != before


def test_someone_who_waits_stops_the_writing(start, tmp_path):
    backend = start()
    complete(backend)
    cancelled = CancellationToken()
    cancelled.cancel()
    backend.prepare(request_of(FILE), cancelled)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("file:///a.py", True),
        ("file:///c%3A/a.py", True),
        ("untitled:Untitled-1", False),
        ("vscode-notebook-cell:/a.ipynb#W0", False),
        ("vscode-remote://host/a.py", False),
        ("/home/me/a.py", False),
        ("file:///home/me/.env", False),
        ("file:///home/me/.ssh/config", False),
    ],
)
def test_only_files_that_are_no_secrets_may_be_stored(uri, expected):
    assert may_be_stored(uri) is expected


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///home/me/prod.env"])
def test_nothing_of_the_others_is_ever_written(start, tmp_path, uri):
    backend = start()
    complete(backend, uri=uri)
    backend.prepare(request_of(FILE, uri), CancellationToken())
    backend.forget(uri)
    complete(backend, uri=uri)
    backend.close()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_on", [True, False])
def test_the_setting_turns_it_off(tmp_path, monkeypatch, is_on):
    monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path))
    backend = LocalBackend.load(Settings(threads=2, disk_cache=is_on))
    complete(backend)
    backend.close()

    assert SequenceFolder(sequences_path(), 0).usage().num_files == int(is_on)
