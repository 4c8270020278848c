"""An export that breaks off is gone on with, and the result is the same as in one go."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock, Timeout
from gguf import GGMLQuantizationType as Kind
from safetensors.numpy import load_file, save_file

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.errors import OutputError, RoomError
from onnx_export.export import HuggingFaceFolder, Labels, MadeUp, export
from onnx_export.partial_folder import JOURNAL_NAME, partial_path
from onnx_export.source import open_source
from testing.tiny_gguf import tiny_gguf
from tests.onnx_export.conftest import REPOSITORY, export_quietly

INT4 = ExportConfig("int4")
WEIGHTS = "model.onnx.data"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def break_off_after(num_bytes):
    def report(progress):
        if progress.phase == "writing" and progress.done >= num_bytes:
            raise KeyboardInterrupt

    return report


def break_off(hf_dir, out_dir, num_bytes, config=INT4):
    """Export until so many bytes are written. Returns the folder that is left."""
    with pytest.raises(KeyboardInterrupt):
        export(
            HuggingFaceFolder(hf_dir), out_dir, config, Labels(name="x"), break_off_after(num_bytes)
        )
    return partial_path(out_dir)


def go_on(hf_dir, out_dir, config=INT4):
    """Export to the end. Returns the phases and sizes that were reported."""
    reported = []
    labels = Labels(name="x")
    export(HuggingFaceFolder(hf_dir), out_dir, config, labels, reported.append)
    return reported


def first_written(reported):
    return next(p.done for p in reported if p.phase == "writing")


@pytest.fixture(scope="module")
def in_one_go(tiny_hf, tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("one-go") / "out"
    go_on(tiny_hf, out_dir)
    return contents(out_dir)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_the_result_is_the_same_wherever_it_broke_off(tiny_hf, in_one_go, tmp_path, part):
    out_dir, size = tmp_path / "out", len(in_one_go[WEIGHTS])
    partial = break_off(tiny_hf, out_dir, part * size)
    assert not out_dir.exists()
    assert (partial / WEIGHTS).is_file()

    reported = go_on(tiny_hf, out_dir)

    assert contents(out_dir) == in_one_go
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {p.phase for p in reported} == {"checking", "writing"}
    # What was written is read, not made again: the first new byte lies behind it.
    assert first_written(reported) > (part - 0.4) * size


def test_several_interruptions_in_a_row(tiny_hf, in_one_go, tmp_path):
    out_dir, size = tmp_path / "out", len(in_one_go[WEIGHTS])
    for part in (0.2, 0.6, 0.9):
        break_off(tiny_hf, out_dir, part * size)

    go_on(tiny_hf, out_dir)

    assert contents(out_dir) == in_one_go


def damage(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("offset", [0, 5000, 30_000])
def test_what_was_damaged_meanwhile_is_written_again(tiny_hf, in_one_go, tmp_path, offset):
    out_dir = tmp_path / "out"
    partial = break_off(tiny_hf, out_dir, 0.5 * len(in_one_go[WEIGHTS]))
    damage(partial / WEIGHTS, offset)

    go_on(tiny_hf, out_dir)

    assert contents(out_dir) == in_one_go


@pytest.mark.parametrize(
    "tail", ["{", '{"num_segments": 999, "end": 5, "sha256": ""}\n', "[1]\n", "\x00\x00"]
)
def test_a_journal_with_a_broken_end_is_believed_up_to_there(tiny_hf, in_one_go, tmp_path, tail):
    out_dir, size = tmp_path / "out", len(in_one_go[WEIGHTS])
    partial = break_off(tiny_hf, out_dir, 0.5 * size)
    with (partial / JOURNAL_NAME).open("a", encoding="utf-8") as journal:
        journal.write(tail)

    reported = go_on(tiny_hf, out_dir)

    assert contents(out_dir) == in_one_go
    assert first_written(reported) > 0.1 * size


def test_another_export_does_not_go_on_with_it(tiny_hf, tmp_path):
    out_dir = tmp_path / "out"
    break_off(tiny_hf, out_dir, 50_000)

    go_on(tiny_hf, out_dir, ExportConfig("int8"))

    fresh = tmp_path / "fresh"
    go_on(tiny_hf, fresh, ExportConfig("int8"))
    assert contents(out_dir) == contents(fresh)


def test_another_seed_does_not_go_on_with_it(tiny_hf, tmp_path):
    def make(seed, out_dir, report):
        source = MadeUp(tiny_hf / "config.json", None, seed)
        export(source, out_dir, INT4, Labels(name="x"), report)

    with pytest.raises(KeyboardInterrupt):
        make(1, tmp_path / "out", break_off_after(50_000))
    make(2, tmp_path / "out", lambda _: None)

    make(2, tmp_path / "fresh", lambda _: None)
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("out", "fresh")]
    assert weights[0] == weights[1]


def test_nothing_is_left_of_what_had_hardly_begun(tiny_hf, tmp_path):
    break_off(tiny_hf, tmp_path / "out", 1)

    assert list(tmp_path.iterdir()) == []


def test_two_exports_at_once_do_not_mix(tiny_hf, tmp_path):
    partial = break_off(tiny_hf, tmp_path / "out", 50_000)

    with (
        FileLock(partial.with_name("out.partial.lock")),
        pytest.raises(OutputError, match=r"Another export is writing .*Wait for it"),
    ):
        export_quietly(tiny_hf, tmp_path / "out", INT4)


def test_the_lock_is_held_until_the_folder_is_in_its_place(tiny_hf, tmp_path, monkeypatch):
    out_dir = tmp_path / "out"
    rename, seen = Path.rename, []

    def rename_and_try(path, target):
        with pytest.raises(Timeout):
            FileLock(tmp_path / "out.partial.lock", timeout=0).acquire()
        seen.append(target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_and_try)
    export_quietly(tiny_hf, out_dir, INT4)

    assert seen == [out_dir]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_another_process_completed_meanwhile_is_left_alone(tiny_hf, tmp_path):
    out_dir = tmp_path / "out"

    def complete(progress):
        out_dir.mkdir(exist_ok=True)
        (out_dir / "coder_lsp.json").write_text("{}")

    with pytest.raises(OutputError, match=r"cannot be moved to .*out"):
        export(HuggingFaceFolder(tiny_hf), out_dir, INT4, Labels(), complete)

    assert (out_dir / "coder_lsp.json").read_text() == "{}"


@pytest.mark.parametrize("name", [".", "sub/..", "sub/."])
def test_a_folder_named_by_dots_is_found(tiny_hf, tmp_path, monkeypatch, name):
    where = tmp_path / "where"
    (where / "sub").mkdir(parents=True)
    monkeypatch.chdir(where / "sub" if name == "." else where)
    expected = where if name == "sub/.." else where / "sub"
    if name == "sub/..":
        with pytest.raises(OutputError, match="exists already"):
            export_quietly(tiny_hf, Path(name), INT4)
        return

    export_quietly(tiny_hf, Path(name), INT4)

    ModelFolder.read(expected).verify_files()


def test_the_root_folder_is_refused(tiny_hf):
    with pytest.raises(OutputError, match=r"(exists already|cannot become a model folder)"):
        export_quietly(tiny_hf, Path("/"), INT4)
    with pytest.raises(OutputError, match="cannot become a model folder"):
        partial_path(Path("/"))


def test_a_copy_of_the_source_continues_an_export(tiny_hf, in_one_go, tmp_path):
    out_dir, copied = tmp_path / "out", tmp_path / "tiny"
    break_off(tiny_hf, out_dir, 0.5 * len(in_one_go[WEIGHTS]))
    shutil.copytree(tiny_hf, copied, copy_function=shutil.copyfile)

    reported = go_on(copied, out_dir)

    assert first_written(reported) > 0.1 * len(in_one_go[WEIGHTS])
    assert contents(out_dir) == in_one_go


def test_another_checkpoint_with_the_same_size_and_time_starts_anew(tiny_hf, in_one_go, tmp_path):
    out_dir, changed = tmp_path / "out", tmp_path / "tiny"
    shutil.copytree(tiny_hf, changed)
    break_off(changed, out_dir, 0.5 * len(in_one_go[WEIGHTS]))
    path = changed / "model.safetensors"
    stat, tensors = path.stat(), load_file(path)
    save_file({name: tensor + np.float32(0.125) for name, tensor in tensors.items()}, path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size

    reported = go_on(changed, out_dir)

    assert first_written(reported) < 0.1 * len(in_one_go[WEIGHTS])
    assert contents(out_dir) == contents(go_on_afresh(changed, tmp_path / "fresh"))


def go_on_afresh(hf_dir, out_dir):
    go_on(hf_dir, out_dir)
    return out_dir


def test_a_file_of_gguf_continues_an_export(tiny_hf, tmp_path):
    path = tiny_gguf(tiny_hf).write(tmp_path / "tiny.gguf", Kind.Q4_0)
    config = ExportConfig("keep")
    export(open_source(path), tmp_path / "expected", config, Labels(name="x"), lambda _: None)
    expected = contents(tmp_path / "expected")
    with pytest.raises(KeyboardInterrupt):
        export(
            open_source(path),
            tmp_path / "out",
            config,
            Labels(name="x"),
            break_off_after(0.5 * len(expected[WEIGHTS])),
        )
    copied = shutil.copyfile(path, tmp_path / "copied.gguf")

    reported = []
    export(open_source(copied), tmp_path / "out", config, Labels(name="x"), reported.append)

    assert contents(tmp_path / "out") == expected
    assert first_written(reported) > 0.1 * len(expected[WEIGHTS])


def test_a_full_disk_is_refused_before_anything_is_written(tiny_hf, tmp_path, monkeypatch):
    nearly_full = type("Usage", (), {"free": 50_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: nearly_full)

    with pytest.raises(RoomError, match=r"needs 0\.1 GB more .* and 0\.1 GB are free\. Make room"):
        export_quietly(tiny_hf, tmp_path / "out", INT4)

    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_refused_before_anything_is_written(tiny_hf, tmp_path, monkeypatch):
    nearly_full = type("Memory", (), {"available": 300_000_000})
    monkeypatch.setattr("psutil.virtual_memory", lambda: nearly_full)

    with pytest.raises(RoomError, match=r"0\.3 GB are available\. Close other programs"):
        export_quietly(tiny_hf, tmp_path / "out", INT4)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "No space left .*the same command again: it c",
        ),
        (MemoryError(), "ran out of memory. Close other programs and run the same command again"),
    ],
)
def test_what_runs_out_on_the_way_is_named_and_the_same_command_continues(
    tiny_hf, in_one_go, tmp_path, fault, message
):
    out_dir = tmp_path / "out"

    def run_out(progress):
        if progress.phase == "writing" and progress.done > 50_000:
            raise fault

    with pytest.raises(OutputError, match=message):
        export(HuggingFaceFolder(tiny_hf), out_dir, INT4, Labels(name="x"), run_out)

    go_on(tiny_hf, out_dir)
    assert contents(out_dir) == in_one_go


def start_export(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "onnx_export", *map(str, arguments), "--progress", "json"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_lines(process):
    return [json.loads(line) for line in process.stdout]


def test_a_parent_process_can_follow(tiny_hf, tmp_path):
    out_dir = tmp_path / "out"
    with start_export(tiny_hf, out_dir, "--precision", "int4") as process:
        lines = read_lines(process)

    size = (out_dir / WEIGHTS).stat().st_size
    assert process.returncode == 0
    assert lines[-1] == {"phase": "done", "output_dir": str(out_dir)}
    last = {"phase": "writing", "done": size, "total": size, "unit": "bytes", "seconds_left": None}
    assert lines[-2] == last


def test_a_parent_process_is_told_what_went_wrong(tiny_hf, tmp_path):
    with start_export(tmp_path / "none", tmp_path / "out", "--precision", "int4") as process:
        lines = read_lines(process)

    assert process.returncode == 1
    assert [line["phase"] for line in lines] == ["error"]
    assert "config.json is missing" in lines[0]["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_how_to_go_on(tiny_hf, tmp_path, number):
    """At widths where writing takes a while: the signal comes when some of it is done."""
    config = json.loads((tiny_hf / "config.json").read_text())
    wide = {**config, "hidden_size": 1024, "moe_intermediate_size": 512, "n_routed_experts": 24}
    (tmp_path / "config.json").write_text(json.dumps(wide))
    (tmp_path / "tokenizer.json").write_bytes((tiny_hf / "tokenizer.json").read_bytes())
    out_dir = tmp_path / "out"
    arguments = ["--random-weights", tmp_path / "config.json", out_dir, "--precision", "int8"]
    with start_export(*arguments) as process:
        while json.loads(process.stdout.readline())["done"] < 5_000_000:
            pass
        process.send_signal(number)
        lines = read_lines(process)

    assert process.returncode == 130
    assert lines[-1]["phase"] == "error"
    assert "the same command continues there" in lines[-1]["message"]
    with start_export(*arguments) as process:
        assert read_lines(process)[-1]["phase"] == "done"
    ModelFolder.read(out_dir).verify_files()
