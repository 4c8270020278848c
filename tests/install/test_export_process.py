"""With a stand-in for the exporter, found by PYTHONPATH: what a child process may do."""

import sys
import time

import pytest

from coder_lsp.errors import InstallError
from coder_lsp.install.export_process import ExportProgress, ask_exporter, run_export


@pytest.fixture
def exporter(tmp_path, monkeypatch):
    """Write the stand-in's program, which is given the command line as sys.argv."""

    def write(program):
        package = tmp_path / "stand-in" / "onnx_export"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"import json, sys, time\n{program}\n")
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return write


def run(tmp_path, *options):
    told = []
    run_export(tmp_path / "hf", tmp_path / "out", options, told.append)
    return told


def test_progress_comes_line_by_line_and_other_output_does_no_harm(exporter, tmp_path):
    exporter(
        "print('a library says hello')\n"
        "print(json.dumps({'phase': 'quantizing', 'done': 3, 'total': 27, 'unit': 'layers',"
        " 'seconds_left': 1.5}))\n"
        "print('[]')\n"
        "print(json.dumps({'phase': 'hashing'}))\n"
        "print(json.dumps({'phase': 'done', 'output_dir': sys.argv[2]}))"
    )

    assert run(tmp_path) == [
        ExportProgress("quantizing", 3, 27, "layers", 1.5),
        ExportProgress("hashing", 0, 0, "", None),
    ]


def test_the_child_is_given_the_folders_the_options_and_the_kind_of_progress(exporter, tmp_path):
    exporter("print(json.dumps({'phase': ' '.join(sys.argv[1:])}))")

    [progress] = run(tmp_path, "--precision", "int4")
    folders = f"{tmp_path / 'hf'} {tmp_path / 'out'}"
    assert progress.phase == f"{folders} --precision int4 --progress json"


def check_failure(exporter, tmp_path, program, message):
    exporter(program)
    with pytest.raises(InstallError, match=message):
        run(tmp_path)


def test_the_exporters_own_message_is_told(exporter, tmp_path):
    check_failure(
        exporter,
        tmp_path,
        "print(json.dumps({'phase': 'error', 'message': 'config.json: no'}))\nsys.exit(1)",
        r"^config\.json: no$",
    )


def test_a_child_that_dies_is_told_with_its_last_words(exporter, tmp_path):
    check_failure(exporter, tmp_path, "sys.exit('out of paper')", "The export failed: out of paper")


def test_a_child_that_dies_without_a_word_is_told_too(exporter, tmp_path):
    check_failure(exporter, tmp_path, "sys.exit(3)", "The export failed: it said nothing")


def test_an_interrupted_child_may_put_its_things_in_order(exporter, tmp_path):
    order = tmp_path / "order"
    exporter(
        "print(json.dumps({'phase': 'quantizing'}), flush=True)\n"
        "try:\n"
        "    time.sleep(600)\n"
        "except KeyboardInterrupt:\n"
        f"    open({str(order)!r}, 'w').write('in order')\n"
        "    raise"
    )

    def interrupt(progress):
        time.sleep(0.1)  # the child goes to sleep first; it matters to nothing but the test's aim
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_export(tmp_path / "hf", tmp_path / "out", (), interrupt)
    if sys.platform != "win32":
        assert order.read_text() == "in order"


def test_an_exporter_without_its_libraries_is_told_before_anything_is_downloaded(
    exporter, tmp_path
):
    exporter("sys.exit('The exporter needs onnx_ir, which is not installed.')")

    with pytest.raises(InstallError, match=r"coder-lsp\[install\](.|\n)*needs onnx_ir"):
        ask_exporter("--inspect")
