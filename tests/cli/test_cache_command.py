import os

import pytest

from coder_lsp.engine.store.sequence_folder import SequenceFolder
from coder_lsp.paths import sequences_path


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path / "cache"))


def write(name, size):
    SequenceFolder(sequences_path(), 1 << 30).write(name, size, lambda f: f.write(bytes(size)))


def check_output(result, *words):
    assert result.exit_code == 0
    for word in words:
        assert word in result.stdout


def test_without_a_folder_there_is_nothing(coder_lsp, tmp_path):
    check_output(coder_lsp("cache", "info"), "0 cached sequences", str(tmp_path))
    check_output(coder_lsp("cache", "clear"), "0 cached sequences")
    assert not sequences_path().exists()


def test_info_counts_and_clear_removes(coder_lsp):
    write("a", 1_000_000)
    check_output(coder_lsp("cache", "info"), "1 cached sequence, 1.0 MB")
    write("b", 500_000)
    (sequences_path() / "half.tmp").write_bytes(b"half")

    check_output(coder_lsp("cache", "info"), "2 cached sequences, 1.5 MB", str(sequences_path()))
    check_output(coder_lsp("cache", "clear"), "Removed 2 cached sequences, 1.5 MB")
    check_output(coder_lsp("cache", "info"), "0 cached sequences")
    assert not list(sequences_path().glob("*.tmp"))


def test_a_half_written_file_of_long_ago_goes_when_the_next_is_written():
    write("a", 10)
    fresh, old = sequences_path() / "fresh.tmp", sequences_path() / "old.tmp"
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    write("b", 10)

    assert fresh.exists()
    assert not old.exists()
