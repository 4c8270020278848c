"""``python -m bench export`` on a small model: its JSON is a contract."""

import json
import sys

import pytest
from click.testing import CliRunner

from bench.export import command
from coder_lsp.models.model_folder import ModelFolder
from testing.tiny_checkpoint import TINY_CONFIG, write_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no peak of memory on Windows")

FIELDS = {
    "parameters",
    "precision",
    "peak_rss_bytes",
    "seconds",
    "output_bytes",
    "output_dir",
    "measured",
}


def check_report(tmp_path, config, *options):
    """Run the bench on ``config``; return its report and the folder that it was to write."""
    # The embedded tokenizer has more ids than the tiny checkpoint.
    write_json(tmp_path / "config.json", {**TINY_CONFIG, "vocab_size": 8192, **config})
    folder, out = tmp_path / "model", tmp_path / "report.json"
    arguments = ["--to", folder, "--config", tmp_path / "config.json", "--json", out, *options]
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])

    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    assert report.keys() - {"interruption"} == FIELDS
    assert 20_000_000 < report["peak_rss_bytes"] < 2_000_000_000
    assert report["seconds"] > 0
    return report, folder


def test_what_is_kept_is_a_model_folder(tmp_path):
    report, folder = check_report(tmp_path, {}, "--full-size", "--keep")

    manifest = ModelFolder.read(folder).manifest
    assert report["output_dir"] == str(folder)
    assert report["output_bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert report["parameters"] == manifest.source.num_parameters
    assert report["precision"] == manifest.precision == "int4"
    assert manifest.cache.num_layers == 3


def test_nothing_is_left_unless_it_is_kept(tmp_path):
    report, _ = check_report(tmp_path, {})

    assert report["output_dir"] is None
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "report.json"}


def test_an_interrupted_export_is_compared_with_a_whole_one(tmp_path):
    wide = {"hidden_size": 1024, "moe_intermediate_size": 512, "n_routed_experts": 32}
    report, _ = check_report(tmp_path, wide, "--interrupt")

    interruption = report["interruption"]
    assert interruption["same_hashes"] is True
    assert interruption["bytes_written"] >= 0.4 * report["output_bytes"]
