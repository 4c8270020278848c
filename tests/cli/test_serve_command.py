import subprocess
import sys

import pytest

HEAVY = {"numpy", "onnxruntime", "tokenizers", "rich", "platformdirs"}


@pytest.mark.parametrize("address", ["2087", "localhost", "localhost:", ":2087", "a:b", "a:99999"])
def test_an_address_without_host_or_port_is_a_usage_error(coder_lsp, address):
    result = coder_lsp("serve", "--tcp", address)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected HOST:PORT such as 127.0.0.1:2087" in result.stderr


def test_what_serve_imports_before_it_answers_is_light():
    program = "import sys, coder_lsp.cli.serve; print('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert HEAVY & set(result.stdout.split()) == set()


def test_help_lists_every_subcommand(coder_lsp):
    result = coder_lsp("--help")

    assert result.exit_code == 0
    for name in ("serve", "complete", "models", "doctor", "demo"):
        assert f"\n  {name}  " in result.stdout


def test_an_unknown_subcommand_is_a_usage_error(coder_lsp):
    result = coder_lsp("server")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such command 'server'" in result.stderr


def test_the_end_of_standard_input_ends_the_server():
    result = subprocess.run(
        [sys.executable, "-m", "coder_lsp", "serve"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.stdout, result.stderr) == ("", "")
    assert result.returncode == 1  # LSP: no shutdown came before
