"""Sequences of random rows, written and read again; whatever is odd is a miss."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.cache_buffers import HostBuffers
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.store import sequence_store
from coder_lsp.engine.store.sequence_file import BLOCK_TOKENS, SequenceKey, sequence_size
from coder_lsp.engine.store.sequence_store import DiskCacheOptions, SequenceStore
from coder_lsp.models.model_folder import ModelFolder

DOCUMENT = "file:///a.py"
TOKEN_IDS = list(range(5, 5 + 3 * BLOCK_TOKENS + 7))
PROVIDER = "CPUExecutionProvider"


@pytest.fixture(scope="module")
def model(any_tiny_folder):
    return ModelFolder.read(any_tiny_folder)


@pytest.fixture(scope="module")
def runner(model):
    return ModelRunner(model, 1)


@pytest.fixture
def new_store(model, runner, tmp_path):
    """Make a store on the test's folder, as each server does: new_store(max_bytes, …)."""

    def new_store(max_bytes=1 << 30, manifest=model.manifest, provider=PROVIDER):
        options = DiskCacheOptions(tmp_path, max_bytes)
        return SequenceStore(options, manifest, provider, runner.create_cache)

    return new_store


def random_cache(runner, layout, token_ids, seed=0):
    cache = runner.create_cache(len(token_ids))
    num_tensors, num_heads, _, width = CacheTensors.of(layout).rows_shape
    shape = (num_tensors, num_heads, len(token_ids), width)
    rows = np.random.default_rng(seed).random(shape, dtype=np.float32)
    cache.append_rows(token_ids, rows)
    return cache


@pytest.fixture
def cache(runner, model):
    return random_cache(runner, model.manifest.cache, TOKEN_IDS)


@pytest.fixture
def save(new_store):
    """Write a cache under a document's name."""

    def save(cache, document=DOCUMENT, store=None):
        return write(store or new_store(), document, cache)

    return save


def write(store, document, cache, cancellation=None):
    """Write a cache, however little of it is new."""
    return store._write(document, cache, cache.offset, cancellation or CancellationToken())


def restore(store, token_ids=TOKEN_IDS, document=DOCUMENT):
    return store.read(document, token_ids, len(token_ids), CancellationToken())


def files(folder):
    return sorted(folder.glob("*.kv"))


def check_restored(store, expected, token_ids, num_tokens):
    found = restore(store, token_ids)

    assert list(found.token_ids) == token_ids[:num_tokens]
    assert np.array_equal(found.rows(0, num_tokens), expected.rows(0, num_tokens))


@pytest.mark.parametrize(
    ("token_ids", "num_tokens"),
    [
        (TOKEN_IDS, len(TOKEN_IDS)),
        ([*TOKEN_IDS, 1, 2], len(TOKEN_IDS)),
        (TOKEN_IDS[:BLOCK_TOKENS], BLOCK_TOKENS),
        ([*TOKEN_IDS[:70], 0, *TOKEN_IDS[71:]], 70),
        ([*TOKEN_IDS[:-1], 0], len(TOKEN_IDS) - 1),
    ],
    ids=["all", "longer", "one block", "inside a block", "inside the last block"],
)
def test_another_server_reads_the_rows_of_the_common_prefix(
    new_store, save, cache, token_ids, num_tokens
):
    assert save(cache)

    check_restored(new_store(), cache, token_ids, num_tokens)


def test_nothing_in_common_is_a_miss_and_stays(new_store, save, cache, tmp_path):
    save(cache)

    assert restore(new_store(), [0, *TOKEN_IDS]) is None
    assert restore(new_store(), document="file:///b.py") is None
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("token_ids", "expected"),
    [
        (TOKEN_IDS, len(TOKEN_IDS)),
        ([*TOKEN_IDS[:20], 0], 20),
        ([0, *TOKEN_IDS], 0),
        ([], 0),
    ],
)
def test_how_much_is_on_disk_is_known_without_the_rows(
    new_store, save, cache, tmp_path, token_ids, expected
):
    save(cache)
    (path,) = files(tmp_path)
    path.write_bytes(flip(-1)(bytearray(path.read_bytes())))

    assert new_store().num_shared(DOCUMENT, token_ids) == expected
    assert new_store().num_shared("file:///b.py", token_ids) == 0


def test_only_the_first_tokens_are_written(new_store, cache):
    assert new_store().save(DOCUMENT, cache, 70, CancellationToken())

    check_restored(new_store(), cache, TOKEN_IDS, 70)


@pytest.mark.parametrize(
    ("token_ids", "least", "expected"),
    [
        (TOKEN_IDS, 1, False),
        ([*TOKEN_IDS, 1, 2], 2, True),
        ([*TOKEN_IDS, 1, 2], 3, False),
        ([0] * len(TOKEN_IDS), len(TOKEN_IDS), True),
        ([0] * (len(TOKEN_IDS) // 2 - 1), 16, False),
    ],
    ids=["the same", "longer", "hardly longer", "another", "another much shorter one"],
)
def test_what_is_new_to_the_disk(new_store, save, cache, runner, model, token_ids, least, expected):
    assert new_store()._is_new(DOCUMENT, token_ids, least)

    save(cache)
    assert new_store()._is_new(DOCUMENT, token_ids, least) is expected


def flip(offset):
    def damage(content):
        content[offset] ^= 1
        return content

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        flip(0),
        flip(8),
        flip(40),
        flip(72),
        flip(75),
        flip(80),
        flip(90),
        flip(-1),
        lambda content: content[:-1],
        lambda content: content[:60],
        lambda content: content[:0],
        lambda content: content + b"x",
        lambda content: bytes(len(content)),
    ],
    ids=[
        *("magic", "identity", "document", "count", "huge count", "token", "another token", "rows"),
        *("cut off by one", "cut off in the head", "empty", "longer", "zeros"),
    ],
)
def test_damage_is_a_miss_and_removed(new_store, save, cache, tmp_path, damage):
    save(cache)
    (path,) = files(tmp_path)
    path.write_bytes(damage(bytearray(path.read_bytes())))

    assert restore(new_store()) is None
    assert files(tmp_path) == []


def test_every_flipped_bit_of_the_head_is_noticed(new_store, save, runner, model, tmp_path):
    small = TOKEN_IDS[:3]
    save(random_cache(runner, model.manifest.cache, small))
    (path,) = files(tmp_path)
    content = path.read_bytes()
    for offset in range(76 + 4 * len(small) + 4 + 4):
        path.write_bytes(flip(offset)(bytearray(content)))

        assert restore(new_store(), small) is None
        assert files(tmp_path) == []


def test_another_model_provider_or_runtime_is_a_miss(
    new_store, save, cache, model, monkeypatch, tmp_path
):
    save(cache)
    entries = dict(model.manifest.files)
    entries["model.onnx"] = dataclasses.replace(entries["model.onnx"], sha256="0" * 64)
    others = [
        dataclasses.replace(model.manifest, files=entries),
        dataclasses.replace(model.manifest, precision="int8"),
    ]

    assert all(restore(new_store(manifest=manifest)) is None for manifest in others)
    assert restore(new_store(provider="CUDAExecutionProvider")) is None
    with monkeypatch.context() as context:
        context.setattr(sequence_store, "runtime_version", lambda: "0.0.1")
        assert restore(new_store()) is None
    assert restore(new_store()) is not None


def test_the_least_recently_used_makes_room(new_store, save, cache, model, tmp_path):
    size = sequence_size(len(TOKEN_IDS), model.manifest.cache)
    store = new_store(max_bytes=2 * size)
    for age, name in ((30, "a"), (20, "b")):
        save(cache, name, store=store)
        for path in files(tmp_path):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    assert restore(store, document="a") is not None  # now b is the older one

    assert save(cache, "c", store=store)
    assert restore(store, document="a") is not None
    assert restore(store, document="b") is None
    assert restore(store, document="c") is not None
    assert store.stats().disk_bytes == 2 * size


def test_what_is_larger_than_the_budget_is_not_written(new_store, save, cache, tmp_path):
    assert not save(cache, store=new_store(max_bytes=1000))
    assert files(tmp_path) == []


def test_cancelled_writing_leaves_what_was_there(new_store, save, cache, runner, model, tmp_path):
    save(cache)
    cancelled = CancellationToken()
    cancelled.cancel()
    other = random_cache(runner, model.manifest.cache, TOKEN_IDS, seed=1)

    assert not write(new_store(), DOCUMENT, other, cancelled)
    check_restored(new_store(), cache, TOKEN_IDS, len(TOKEN_IDS))
    assert list(tmp_path.glob("*.tmp")) == []


def test_cancelled_reading_is_a_miss_that_keeps_the_file(new_store, save, cache, tmp_path):
    save(cache)
    cancelled = CancellationToken()
    cancelled.cancel()

    assert new_store().read(DOCUMENT, TOKEN_IDS, 1, cancelled) is None
    assert len(files(tmp_path)) == 1


def test_what_is_written_meanwhile_is_waited_for(new_store, cache):
    store = new_store()
    assert store.save_later(DOCUMENT, cache, cache.offset)

    check_restored(store, cache, TOKEN_IDS, len(TOKEN_IDS))
    store.close()


def test_a_folder_that_cannot_be_made_is_a_miss(model, runner, cache, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    options = DiskCacheOptions(blocked / "sequences", 1 << 30)
    store = SequenceStore(options, model.manifest, PROVIDER, runner.create_cache)

    assert not write(store, DOCUMENT, cache)
    assert restore(store) is None
    assert store.stats().disk_files == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps a user's folder private by itself")
def test_only_the_user_may_read(new_store, save, cache, tmp_path):
    tmp_path.chmod(0o755)
    save(cache)

    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps users' folders apart itself")
def test_what_another_user_has_put_there_is_not_read(new_store, save, cache, monkeypatch):
    """In a folder that others can write to, they could put rows of a text of theirs."""
    save(cache)
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)

    assert restore(new_store()) is None
    assert new_store().num_shared(DOCUMENT, TOKEN_IDS) == 0
    assert new_store()._folder.read_note(new_store().name(DOCUMENT)) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps users' folders apart itself")
def test_nothing_is_written_into_a_folder_of_another_user(save, cache, monkeypatch, tmp_path):
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)

    assert not save(cache)
    assert list(tmp_path.iterdir()) == []


def test_rows_are_copied_once_for_a_file_and_not_for_each_block(
    new_store, save, cache, monkeypatch
):
    """On a GPU each look at the rows copies whole tensors to the host, or to the device."""
    calls = []
    for name in ("read", "write"):
        method = getattr(HostBuffers, name)

        def count(self, *arguments, name=name, method=method):
            calls.append(name)
            return method(self, *arguments)

        monkeypatch.setattr(HostBuffers, name, count)
    save(cache)
    assert calls == ["read"]

    calls.clear()
    restore(new_store())
    assert calls == ["write"]


def test_the_uri_does_not_stand_in_the_file(save, cache, tmp_path):
    save(cache, "file:///home/me/confidential.py")
    (path,) = files(tmp_path)

    assert b"confidential" not in path.read_bytes()
    assert path.stem == SequenceKey(*key_of(path)).name


def key_of(path):
    content = path.read_bytes()
    return content[8:40], content[40:72]


WRITER = """
import sys
from pathlib import Path
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.store.sequence_store import DiskCacheOptions, SequenceStore
from coder_lsp.models.model_folder import ModelFolder
import numpy as np

folder, path, fill = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
model = ModelFolder.read(folder)
runner = ModelRunner(model, 1)
num_tensors, num_heads, _, width = CacheTensors.of(model.manifest.cache).rows_shape
store = SequenceStore(
    DiskCacheOptions(path, 1 << 30), model.manifest, "CPUExecutionProvider", runner.create_cache
)
token_ids = list(range(5, 205))
cache = runner.create_cache(200)
cache.append_rows(token_ids, np.full((num_tensors, num_heads, 200, width), fill, np.float32))
while not (path / "enough").exists():
    store._write("file:///a.py", cache, 200, CancellationToken())
"""


def test_two_servers_that_write_one_file_never_break_it(new_store, any_tiny_folder, tmp_path):
    arguments = [sys.executable, "-c", WRITER, str(any_tiny_folder), str(tmp_path)]
    writers = [
        subprocess.Popen([*arguments, fill], stdout=subprocess.PIPE, text=True)
        for fill in ("1", "2")
    ]
    token_ids = list(range(5, 205))
    store, found = new_store(), set()
    while found != {1.0, 2.0} and all(writer.poll() is None for writer in writers):
        cache = restore(store, token_ids)
        if cache is None:
            assert found == set()  # once there is a file, there always is one
            continue
        rows = cache.rows(0, 200)
        assert rows.min() == rows.max()
        found.add(float(rows.max()))
    (tmp_path / "enough").touch()
    for writer in writers:
        writer.stdout.close()
        assert writer.wait() == 0

    assert found == {1.0, 2.0}  # what each writer wrote was read while both were writing
    assert restore(store, token_ids) is not None
    assert list(tmp_path.glob("*.tmp")) == []
