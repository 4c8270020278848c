import json
import platform
from dataclasses import replace

import pytest

from training.corpus.archives import read_package
from training.corpus.build import build_corpus, write_manifest
from training.corpus.package import Package
from training.corpus.store import Corpus

VERSION = platform.python_version()


def stdlib(name, use="train"):
    return Package("stdlib", name, VERSION, "python", "PSF-2.0", use, "any")


@pytest.fixture
def build(tmp_path):
    def build_from(packages, evaluation_text):
        evaluation = tmp_path / "evaluation"
        evaluation.mkdir()
        task = {"task_id": "T/1", "prompt": evaluation_text}
        (evaluation / "tasks.jsonl").write_text(json.dumps(task) + "\n", encoding="utf-8")
        lines = []
        out = tmp_path / "corpus"
        manifest = build_corpus(packages, tmp_path, evaluation, out, 1, lines.append)
        return manifest, Corpus(out), lines

    return build_from


def test_a_file_of_an_evaluation_set_is_removed_and_named(build, tmp_path):
    _, files = read_package(stdlib("json"), tmp_path)
    copied = next(file for file in files if file.path == "json/decoder.py")
    manifest, corpus, lines = build([stdlib("json")], copied.text[:3000])
    removed = (tmp_path / "corpus" / "removed.jsonl").read_text(encoding="utf-8")

    assert json.loads(removed)["path"] == "json/decoder.py"
    assert any("removed json/decoder.py: overlaps T/1" in line for line in lines)
    assert "json/decoder.py" not in {file.path for file in corpus.files}
    assert manifest[0].num_files == len(corpus.files) > 0


def test_the_use_of_a_package_is_that_of_its_files_and_duplicates_join_once(build, tmp_path):
    packages = [stdlib("json"), stdlib("wsgiref", "held-out"), stdlib("json")]
    manifest, corpus, _ = build(packages, "nothing " * 40)
    write_manifest(tmp_path / "manifest.tsv", manifest)
    rows = (tmp_path / "manifest.tsv").read_text(encoding="utf-8").splitlines()

    assert {file.package: file.use for file in corpus.files} == {
        "json": "train",
        "wsgiref": "held-out",
    }
    assert manifest[2].num_files == 0
    assert sum(row.size for row in manifest) == sum(file.length for file in corpus.files)
    assert rows[0].split("\t")[0] == "registry"
    assert rows[1].split("\t")[:5] == ["stdlib", "json", VERSION, "PSF-2.0", "train"]


def test_the_standard_library_is_of_the_running_python_whatever_the_list_says(build):
    listed = replace(stdlib("json"), version="3.1.4")
    manifest, _, lines = build([listed], "nothing " * 40)

    assert manifest[0].version == VERSION
    assert any(f"json {VERSION}" in line for line in lines)


def test_a_package_that_cannot_be_had_is_told_and_the_others_go_on(build):
    unknown = Package("nowhere", "thing", "1", "python", "MIT", "train", "any")
    manifest, _, lines = build([unknown, stdlib("json")], "nothing " * 40)

    assert [row.name for row in manifest] == ["json"]
    assert lines[0] == "fetching 1 packages"
    assert lines[1].startswith("thing: the registry 'nowhere' is not known")
    assert lines[2].startswith("thing: thing: the registry 'nowhere' is not known")
