"""The counts on disk: added to by several, private, begun anew where they are damaged."""

import errno
import json
import os
import stat
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from coder_lsp.paths import usage_path
from coder_lsp.usage.counts import Counts, Usage, UsageChange, UsageTally, today
from coder_lsp.usage.usage_file import UsageFile


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_STATE_DIR", str(tmp_path / "state"))
    return usage_path()


def change(counts, language="python", editor="Neovim", day="2026-11-24"):
    return UsageChange(language, editor, day, counts)


def test_without_a_file_there_is_nothing(path):
    usage, notice = UsageFile(path).read()

    assert (usage.total, usage.since, notice) == (Counts(), today(), None)
    assert not path.parent.exists()


def test_what_is_added_can_be_read_by_language_editor_and_day(path):
    UsageFile(path).add([change(Counts(shown=2, accepted=1, accepted_characters=9))])
    UsageFile(path).add([change(Counts(shown=1, rejected=1), language="go", editor="helix")])
    usage, _ = UsageFile(path).read()

    shown = usage.to_json()
    assert [shown[key] for key in ("shown", "accepted", "rejected", "acceptedCharacters")] == [
        3,
        1,
        1,
        9,
    ]
    assert shown["byLanguage"]["go"]["shown"] == 1
    assert shown["byEditor"]["Neovim"]["acceptedCharacters"] == 9
    assert shown["byDay"]["2026-11-24"]["shown"] == 3


def test_a_year_of_days_is_kept():
    usage = Usage.none("2020-01-01")
    for number in range(400):
        usage = usage.plus(change(Counts(shown=1), day=f"{number:04}"))

    assert usage.total.shown == 400
    assert min(usage.groups["byDay"]) == "0034"


def test_a_correction_to_what_was_lost_leaves_nothing_negative(path):
    UsageFile(path).add([change(Counts(accepted=1, partially_accepted=-1))])

    assert UsageFile(path).read()[0].total == Counts(accepted=1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has the folder's own rights")
def test_only_the_user_can_read_it(path):
    before = os.umask(0)
    try:
        UsageFile(path).add([change(Counts(shown=1))])
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not list(path.parent.glob("*.tmp"))


def test_servers_that_add_at_once_lose_nothing(path):
    def add():
        for _ in range(10):
            UsageFile(path).add([change(Counts(shown=1))])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert UsageFile(path).read()[0].total.shown == 40


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"version": 2}',
        b'{"version": 1}',
        b"5",
        b"[" * 100_000,
        json.dumps({"version": True, **Usage.none("x").to_json()}).encode(),
        json.dumps({"version": 1, **Usage.none("x").to_json(), "since": 1}).encode(),
        json.dumps({"version": 1, **Usage.none("x").to_json(), "shown": -1}).encode(),
        json.dumps({"version": 1, **Usage.none("x").to_json(), "byDay": [1]}).encode(),
        json.dumps({"version": 1, **Usage.none("x").to_json(), "byDay": {"x": 1}}).encode(),
    ],
)
def test_a_damaged_file_is_set_aside_and_told_of(path, damaged):
    path.parent.mkdir()
    path.write_bytes(damaged)
    usage, notice = UsageFile(path).read()
    assert usage.total == Counts()
    assert str(path) in notice
    assert path.read_bytes() == damaged  # who only reads changes nothing

    assert UsageFile(path).add([change(Counts(shown=1))]) == notice
    assert UsageFile(path).add([change(Counts(shown=1))]) is None
    assert UsageFile(path).read()[0].total.shown == 2
    assert path.with_name("usage.damaged.json").read_bytes() == damaged


def test_a_tally_takes_back_what_could_not_be_written():
    tally = UsageTally("Neovim")
    tally.add("go", Counts(shown=1))
    taken = tally.take()
    assert tally.changes() == ()
    tally.add("go", Counts(accepted=1))
    tally.put_back(taken)

    (kept,) = tally.take()
    assert (kept.editor, kept.day, kept.counts) == ("Neovim", today(), Counts(1, 1))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another lock")
@pytest.mark.filterwarnings("ignore:flock not supported")
def test_counts_are_kept_where_the_file_system_has_no_flock(path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", fail)
    UsageFile(path).add([change(Counts(shown=1))])

    assert UsageFile(path).read()[0].total.shown == 1


def test_the_oldest_filelock_allowed_falls_back_where_there_is_no_flock():
    """Before 3.24 it raised NotImplementedError, which nobody expects of a lock."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    (required,) = (d for d in project["project"]["dependencies"] if d.startswith("filelock"))
    version = tuple(map(int, required.removeprefix("filelock>=").split(".")))

    assert version >= (3, 24)
