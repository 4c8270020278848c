"""A restart with the embedded model: what was computed before is read, not computed again."""

import os
import struct
import tempfile
import threading
from pathlib import Path

import pytest

from coder_lsp.backends.local import LocalBackend
from coder_lsp.backends.stored_documents import may_be_stored
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.engine.store.sequence_folder import SequenceFolder
from coder_lsp.engine.store.sequence_store import DiskCacheOptions
from coder_lsp.generation import GenerationOptions
from coder_lsp.paths import is_temporary, sequences_path
from coder_lsp.request import Request
from coder_lsp.settings import Settings
from coder_lsp.tokenizer import Tokenizer
from tests.support.snapshots import snapshot_of
from tests.support.tokens import text_of

BODY = "".join(f"def f{i}(value):\n    return value + {i}\n\n\n" for i in range(12))
FILE = f'import json\n\n\n{BODY}def read(path):\n    with ‸\n\n\n{BODY}read("a.json")\n'


@pytest.fixture
def disk(tmp_path):
    """The folder of the disk cache."""
    return tmp_path / "sequences"


@pytest.fixture
def start(folder, disk):
    """Start a backend as a new server would."""

    def start(lookup="off"):
        # Without drafts, and in one thread: then the same text is computed by the same steps.
        options = DiskCacheOptions(disk, 1 << 30)
        engine = Engine(folder, EngineOptions(1, lookup=lookup, disk_cache=options))
        return LocalBackend(engine, 1024, 120_000, SequenceFolder(disk, 1 << 30))

    return start


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    """The file that is edited; tests' own folder does not count as a temporary one."""
    monkeypatch.setattr("coder_lsp.backends.stored_documents.is_temporary", lambda _: False)
    path = tmp_path / "w" / "a.py"
    path.parent.mkdir()
    save_file(path)
    return path


def save_file(path, text=FILE):
    """Save a file as the user's editor does."""
    path.write_text(text.replace("‸", ""), encoding="utf-8", newline="")


@pytest.fixture
def uri(path):
    return path.as_uri()


def request_of(uri, text=FILE):
    return Request(snapshot_of(text, uri), GenerationOptions(max_new_tokens=12))


def complete(backend, uri, text=FILE):
    chunks = list(backend.stream(request_of(uri, text), CancellationToken()))
    return "".join(chunk.text for chunk in chunks), chunks[-1].usage


def prepare(backend, uri, text=FILE):
    backend.prepare(request_of(uri, text), CancellationToken())


def check_restored(backend, uri, text=FILE, most=1, says=None):
    found, usage = complete(backend, uri, text)

    assert usage.num_prompt_tokens > 300
    assert usage.num_new_tokens <= most
    assert says is None or found == says


def sequences(disk):
    return sorted(disk.glob("*.kv"))


def check_empty(disk):
    """Nothing of any document is left."""
    assert not disk.exists() or {path.name for path in disk.iterdir()} <= {"lock"}


def text_on_disk(disk, folder):
    """Return all text that the disk cache reveals."""
    tokenizer = Tokenizer(folder.tokenizer_path)
    texts = [path.read_text(encoding="utf-8") for path in disk.glob("*.json")]
    for path in sequences(disk):
        content = path.read_bytes()
        (num_tokens,) = struct.unpack_from("<I", content, 72)
        texts.append(text_of(tokenizer, struct.unpack_from(f"<{num_tokens}i", content, 76)))
    return "\n".join(texts)


def test_after_a_restart_the_same_request_computes_one_token(start, uri):
    first = start()
    says, _ = complete(first, uri)
    first.close()
    second = start()

    check_restored(second, uri, says=says)
    stats = second.stats()
    assert (stats["disk_hits"], stats["disk_files"]) == (1, 1)
    assert stats["disk_tokens"] > 300
    assert stats["disk_bytes"] > 100_000


def test_a_file_closed_and_opened_again_is_read(start, uri):
    backend = start()
    says, _ = complete(backend, uri)
    backend.forget(uri)
    assert backend.stats()["num_bytes"] == 0

    check_restored(backend, uri, says=says)


def test_after_typing_the_anchor_comes_back_with_its_rows(start, path, uri):
    """Without it the text typed since would belong to the prefix, before the whole suffix."""
    typed = FILE.replace("‸", "open(path) as file:\n        text = file.read()\n        ret‸")
    first = start()
    complete(first, uri)
    complete(first, uri, typed)
    save_file(path, typed)
    first.close()

    check_restored(start(), uri, typed)


def test_what_is_typed_and_not_saved_costs_its_few_tokens_again(start, uri):
    typed = FILE.replace("‸", "open(path) as file:\n        text = ‸")
    first = start()
    complete(first, uri)
    complete(first, uri, typed)
    first.close()

    check_restored(start(), uri, typed, most=25)


@pytest.mark.parametrize(
    "note", [b"", b"no JSON", b"5", b"null", b"[1, 2, 3, 4, 5]", b"{}", b"\xff", b"[" * 100_000]
)
def test_a_note_of_another_version_is_passed_over(start, disk, uri, note):
    first = start()
    complete(first, uri)
    first.close()
    (path,) = disk.glob("*.json")
    path.write_bytes(note)

    complete(start(), uri)


def test_an_edit_while_the_server_was_away_costs_what_it_changed(start, path, uri):
    first = start()
    complete(first, uri)
    first.close()
    changed = FILE.replace('read("a.json")', 'read("b.json")')
    second = start()

    check_restored(second, uri, changed, most=40)


def test_a_killed_server_leaves_what_it_wrote_in_idle_time(start, uri):
    first = start()
    says, _ = complete(first, uri)
    prepare(first, uri)

    check_restored(start(), uri, says=says)


def test_few_new_tokens_are_not_written_again_while_the_file_is_open(start, disk, path, uri):
    backend = start()
    prepare(backend, uri)
    (sequence,) = sequences(disk)
    before = sequence.read_bytes()
    typed = "open(path) as file:\n        for line in file:\n            yield json.loads(line)‸"
    save_file(path, FILE.replace("‸", typed))
    prepare(backend, uri, FILE.replace("‸", typed))

    assert sequence.read_bytes() == before
    backend.close()
    assert sequence.read_bytes() != before


def test_someone_who_waits_stops_the_writing(start, disk, uri):
    backend = start()
    complete(backend, uri)
    cancelled = CancellationToken()
    cancelled.cancel()
    backend.prepare(request_of(uri), cancelled)

    check_empty(disk)


SECRET = 'KEY = "sk-live-4242"\n'


def test_a_line_that_was_deleted_is_not_there_after_closing(start, disk, folder, path, uri):
    with_key = FILE.replace("import json\n", f"import json\n{SECRET}")
    save_file(path, with_key)
    backend = start()
    complete(backend, uri, with_key)
    prepare(backend, uri, with_key)
    assert "sk-live" in text_on_disk(disk, folder)

    save_file(path)
    complete(backend, uri)
    backend.forget(uri)
    backend.close()

    assert "sk-live" not in text_on_disk(disk, folder)


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_line_that_was_typed_and_deleted_is_not_there_after_closing(
    start, disk, folder, path, uri, is_saved
):
    """No completion was asked for after the line had gone."""
    backend = start()
    complete(backend, uri)
    complete(backend, uri, FILE.replace("‸", f"x\n{SECRET}‸"))
    if is_saved:
        save_file(path)
    backend.close()

    assert sequences(disk)
    assert "sk-live" not in text_on_disk(disk, folder)


def test_what_the_model_wrote_and_nobody_took_is_not_there(start, disk, folder, uri):
    backend = start()
    written, _ = complete(backend, uri)
    assert len(written) > 10
    backend.close()

    assert written not in text_on_disk(disk, folder)


def test_edits_that_are_not_saved_are_not_there(start, disk, folder, uri):
    backend = start()
    unsaved = FILE.replace("import json\n", f"import json\n{SECRET}")
    complete(backend, uri, unsaved)
    prepare(backend, uri, unsaved)
    assert "sk-live" not in text_on_disk(disk, folder)

    backend.close()
    assert "sk-live" not in text_on_disk(disk, folder)


def keep(path):
    del path


def change(path):
    save_file(path, f"import sys\n{BODY}")


def rename(path):
    path.rename(path.with_name("b.py"))


@pytest.mark.parametrize(
    ("become", "is_kept"),
    [(keep, True), (Path.unlink, False), (rename, False), (change, False)],
    ids=["as it was", "deleted", "renamed", "changed"],
)
@pytest.mark.parametrize("when", ["while it was open", "later", "before another server"])
def test_what_became_of_a_file_is_looked_at_when_a_server_ends_or_starts(
    start, disk, path, uri, become, is_kept, when
):
    backend = start()
    complete(backend, uri)
    if when != "while it was open":
        backend.forget(uri)
    if when == "before another server":
        backend.close()
    become(path)
    if when == "before another server":
        starting = start()
        while any(thread.name == "disk-cache" for thread in threading.enumerate()):
            pass
        assert starting.stats()["disk_files"] == int(is_kept)
    else:
        backend.close()

    assert len(sequences(disk)) == len(list(disk.glob("*.json"))) == int(is_kept)


def test_a_sequence_without_a_note_goes_after_a_while(start, disk, uri):
    first = start()
    complete(first, uri)
    first.close()
    (note,) = disk.glob("*.json")
    note.unlink()
    first._stored.remove_gone()
    assert len(sequences(disk)) == 1  # its note may be on its way

    os.utime(sequences(disk)[0], (1, 1))
    first._stored.remove_gone()
    check_empty(disk)


def test_two_unnamed_buffers_with_one_uri_are_each_completed_from_their_own_text(start, disk):
    """Neovim sends ``file://`` for every buffer without a name."""
    backend = start()
    texts = [FILE, f"{BODY}class Reader:\n    def ‸\n\n\n{BODY}"]
    expected = [complete(start(), f"file:///{i}.py", text)[0] for i, text in enumerate(texts)]
    for text, says in (*zip(texts, expected, strict=True), (texts[0], expected[0])):
        assert complete(backend, "file://", text)[0] == says
        prepare(backend, "file://", text)
    backend.close()

    check_empty(disk)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("file:///a.py", True),
        ("file:///c%3A/a.py", True),
        ("file://localhost/a.py", True),
        ("file://", False),
        ("file:///", False),
        ("file://[", False),
        ("file:///a\0.py", True),
        ("%", False),
        ("file:", False),
        ("file:a.py", False),
        ("file://server/share/a.py", False),
        ("", False),
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


@pytest.mark.parametrize("name", ["prod.env", ".dev.vars", "missing.py"])
def test_nothing_of_a_secret_or_of_what_is_no_file_yet_is_written(start, disk, path, name):
    uri = path.with_name(name).as_uri()
    if name != "missing.py":
        save_file(path.with_name(name))
    check_nothing_is_written(start(), disk, uri)


def test_nothing_of_an_untitled_document_is_written(start, disk):
    check_nothing_is_written(start(), disk, "untitled:Untitled-1")


@pytest.mark.parametrize(
    "folder_name", ["/tmp", "/var/tmp", "/dev/shm/gopass-edit1", "/home/me/.ansible/tmp", "$TMPDIR"]
)
def test_nothing_of_a_file_in_a_temporary_folder_is_written(monkeypatch, folder_name):
    monkeypatch.setattr("coder_lsp.backends.stored_documents.is_temporary", is_temporary)
    monkeypatch.setattr(tempfile, "tempdir", "/scratch/of/me")
    name = folder_name.replace("$TMPDIR", "/scratch/of/me")

    assert not may_be_stored(f"file://{name}/Secret123.yaml")
    assert may_be_stored("file:///home/me/temperature.py")


def check_nothing_is_written(backend, disk, uri):
    complete(backend, uri)
    prepare(backend, uri)
    backend.forget(uri)
    complete(backend, uri)
    backend.close()

    check_empty(disk)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_setting_turns_it_off(tmp_path, monkeypatch, uri, is_on):
    monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path))
    backend = LocalBackend.load(Settings(threads=2, disk_cache=is_on, time_budget_ms=60_000))
    complete(backend, uri)
    backend.close()

    assert SequenceFolder(sequences_path(), 0).usage().num_files == int(is_on)
