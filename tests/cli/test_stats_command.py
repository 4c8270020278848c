import json

import pytest

from coder_lsp.paths import usage_path
from coder_lsp.usage.counts import Counts, UsageChange
from coder_lsp.usage.usage_file import UsageFile


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_STATE_DIR", str(tmp_path))


def test_without_counts_all_are_zero(coder_lsp):
    result = coder_lsp("stats", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["shown"] == 0
    assert "all" in coder_lsp("stats").stdout


def test_the_counts_are_shown_for_people_and_as_json(coder_lsp):
    counts = Counts(10, 4, 3, 2, 123)
    UsageFile(usage_path()).add([UsageChange("python", "Visual Studio Code", "2026-11-24", counts)])

    found = json.loads(coder_lsp("stats", "--json").stdout)
    assert list(found) == [
        "since",
        "shown",
        "accepted",
        "partiallyAccepted",
        "rejected",
        "acceptedCharacters",
        "byLanguage",
        "byEditor",
        "byDay",
    ]
    assert found["byEditor"]["Visual Studio Code"]["acceptedCharacters"] == 123
    lines = coder_lsp("stats").stdout.splitlines()
    for name in ("all", "python", "Visual Studio Code"):
        (row,) = [line for line in lines if line.startswith(name)]
        assert row.removeprefix(name).split() == ["10", "4", "3", "2", "123"]


def test_damaged_counts_are_told_and_shown_as_none(coder_lsp):
    usage_path().write_text("{")
    result = coder_lsp("stats", "--json")

    assert result.exit_code == 0
    assert "damaged" in result.stderr
    assert json.loads(result.stdout)["shown"] == 0


def test_a_file_that_cannot_be_read_is_an_error_with_its_remedy(coder_lsp):
    usage_path().mkdir()
    result = coder_lsp("stats")

    assert result.exit_code == 1
    assert "permissions" in result.stderr
