import os

import pytest

from training.corpus.package import Package
from training.corpus.registries import fetch, fetch_all
from training.errors import TrainingError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the client here is a shell script")

NAMES = ("first", "second", "@scope/third")
CLIENT = """#!/bin/sh
echo "$PWD" >> "$0.calls"
echo half > package.tgz
[ -e "$0.broken" ] && { cat "$0.broken" >&2; exit 7; }
echo whole > package.tgz
"""


def npm(name):
    return Package("npm", name, "1.0", "javascript", "MIT", "train", "any")


@pytest.fixture
def client(tmp_path, monkeypatch):
    """An ``npm`` in front of the others, that fails while ``npm.broken`` lies beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "npm"
    path.write_text(CLIENT)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return path


def num_calls(client):
    return len(client.with_name("npm.calls").read_text().splitlines())


def test_what_is_there_is_not_asked_for_again(client, tmp_path):
    lines = []
    for _ in range(2):
        fetch_all([npm(name) for name in NAMES], tmp_path, lines.append)

    assert num_calls(client) == len(NAMES)
    assert lines == [f"fetched {name} 1.0" for name in NAMES] * 2
    assert (fetch(npm("@scope/third"), tmp_path) / "package.tgz").read_text() == "whole\n"


@pytest.mark.parametrize(
    ("said", "told"), [("the registry is asleep", "the registry is asleep"), ("", "exit status 7")]
)
def test_half_an_archive_is_not_taken_for_one(client, tmp_path, said, told):
    broken = client.with_name("npm.broken")
    broken.write_text(said)
    lines = []
    fetch_all([npm("first")], tmp_path, lines.append)
    with pytest.raises(TrainingError, match=told):
        fetch(npm("first"), tmp_path)
    broken.unlink()

    assert lines == [f"npm gave no first 1.0: {told}; asked for once more later"]
    assert (fetch(npm("first"), tmp_path) / "package.tgz").read_text() == "whole\n"
