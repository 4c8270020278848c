from pathlib import Path
from typing import get_args

import pytest

from training.corpus.licence import classify
from training.corpus.package import Package, Use, read_packages, write_packages
from training.errors import TrainingError

LIST = Path(__file__).parents[2] / "training" / "sources" / "packages.tsv"
FIRST_HELD_OUT = (
    *("flask", "httpx", "attrs", "rich", "click", "starlette", "tornado", "sqlglot"),
    *("textual", "networkx", "zod", "rxjs", "commander", "preact", "zustand"),
)


def test_every_package_of_the_list_is_pinned_and_permissively_licensed():
    for package in read_packages(LIST):
        assert package.version
        assert package.use in get_args(Use)
        assert classify([package.licence]).is_permissive, package


def test_what_was_held_out_of_the_first_mini_stays_held_out():
    uses = {package.name: package.use for package in read_packages(LIST)}

    assert {uses.get(name, "held-out") for name in FIRST_HELD_OUT} == {"held-out"}


def test_every_language_has_packages_held_out():
    held_out = {
        language
        for package in read_packages(LIST)
        if package.use == "held-out"
        for language in package.languages.split(",")
    }

    assert held_out >= {"python", "typescript", "javascript", "go", "rust", "java", "c", "cpp"}


def test_what_is_written_is_read(tmp_path):
    packages = [Package("npm", "@scope/name", "1.0.0", "typescript", "MIT", "train", "any")]
    write_packages(tmp_path / "list.tsv", packages)

    assert read_packages(tmp_path / "list.tsv") == packages
    assert packages[0].folder_name == "@scope+name"


@pytest.mark.parametrize(
    ("text", "message"),
    [("name\n", "first line should name"), (None, "2: expected 7 columns, found 1")],
)
def test_a_line_that_is_not_understood_is_named(tmp_path, text, message):
    header = LIST.read_text(encoding="utf-8").split("\n", 1)[0]
    (tmp_path / "list.tsv").write_text(text or f"{header}\nonly\n", encoding="utf-8")

    with pytest.raises(TrainingError, match=message):
        read_packages(tmp_path / "list.tsv")
