import pytest
from click.testing import CliRunner

from bench.__main__ import main
from testing import mini_weights
from testing.errors import InstallationError
from testing.mini_weights import MINI_DEFAULT, MINI_VARIABLE, mini_hf_folder


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A clone whose weights are missing, and a user who names none."""
    monkeypatch.delenv(MINI_VARIABLE, raising=False)
    monkeypatch.setattr(mini_weights, "_ROOT", tmp_path)
    return tmp_path


def test_the_weights_of_the_clone_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(MINI_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)

    assert mini_hf_folder().as_posix().endswith(MINI_DEFAULT)


def test_a_named_folder_comes_first_and_then_the_variable_s(elsewhere, monkeypatch):
    for name in ("named", "variable"):
        (elsewhere / name).mkdir()
        (elsewhere / name / "config.json").touch()
    monkeypatch.setenv(MINI_VARIABLE, str(elsewhere / "variable"))

    assert mini_hf_folder().name == "variable"
    assert mini_hf_folder(str(elsewhere / "named")).name == "named"


def test_missing_weights_are_reported_with_the_variable_that_names_them(elsewhere):
    with pytest.raises(InstallationError, match=rf"config\.json is missing.*{MINI_VARIABLE}"):
        mini_hf_folder()


@pytest.mark.parametrize("command", ["exactness", "lookup", "rounding"])
def test_commands_that_need_the_weights_say_so_without_a_traceback(command, elsewhere):
    (elsewhere / "set.jsonl.gz").touch()
    data = [str(elsewhere / "set.jsonl.gz")] if command == "rounding" else []

    result = CliRunner().invoke(main, [command, *data, "--json", str(elsewhere / "out.json")])

    assert result.exit_code == 1
    assert f"Name one in {MINI_VARIABLE}" in result.output


def test_the_peer_needs_the_weights_too(elsewhere):
    arguments = ["keystrokes", "--peer", "llama-server", "--limit", "12", "--speed", "1000"]

    result = CliRunner().invoke(main, [*arguments, "--json", str(elsewhere / "out.json")])

    assert result.exit_code == 1
    assert f"Name one in {MINI_VARIABLE}" in result.output
