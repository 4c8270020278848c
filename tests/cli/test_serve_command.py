import contextlib
import json
import socket
import subprocess
import sys
import time

import pytest

HEAVY = {"numpy", "onnxruntime", "tokenizers", "rich", "platformdirs"}


@pytest.mark.parametrize("address", ["2087", "localhost", "localhost:", ":2087", "a:b", "a:99999"])
def test_an_address_without_host_or_port_is_a_usage_error(coder_lsp, address):
    result = coder_lsp("serve", "--tcp", address)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected HOST:PORT such as 127.0.0.1:2087" in result.stderr


def test_only_one_way_of_speaking_can_be_chosen(coder_lsp):
    result = coder_lsp("serve", "--stdio", "--tcp", "127.0.0.1:2087")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Choose one of --stdio and --tcp." in result.stderr


def test_what_serve_imports_before_it_answers_is_light():
    program = "import sys, coder_lsp.cli.serve; print('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert HEAVY & set(result.stdout.split()) == set()


def test_help_lists_every_subcommand(coder_lsp):
    result = coder_lsp("--help")

    assert result.exit_code == 0
    for name in ("serve", "complete", "models", "cache", "doctor", "demo"):
        assert f"\n  {name}  " in result.stdout


def test_an_unknown_subcommand_is_a_usage_error(coder_lsp):
    result = coder_lsp("server")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such command 'server'" in result.stderr


@pytest.mark.parametrize("options", [[], ["--stdio"]])
def test_the_end_of_standard_input_ends_the_server(options):
    result = subprocess.run(
        [sys.executable, "-m", "coder_lsp", "serve", *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.stdout, result.stderr) == ("", "")
    assert result.returncode == 1  # LSP: no shutdown came before


def serve_tcp(port):
    return subprocess.Popen(
        [sys.executable, "-m", "coder_lsp", "serve", "--tcp", f"127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def connect(port):
    """Connect as soon as the server listens."""
    for _ in range(1200):
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))
        time.sleep(0.05)
    return pytest.fail("the server does not listen")


def message(method, **fields):
    body = json.dumps({"jsonrpc": "2.0", "method": method, **fields})
    return f"Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_client_is_served_over_tcp():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serve_tcp(port) as server:
        with connect(port) as connection:
            connection.sendall(message("initialize", id=1, params={"capabilities": {}}))
            answer = connection.recv(65536)
            connection.sendall(message("shutdown", id=2) + message("exit"))
            rest = b"".join(iter(lambda: connection.recv(65536), b""))
        output, errors = server.communicate()

    assert b'"serverInfo"' in answer + rest
    assert (output, errors, server.returncode) == ("", "", 0)


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve_tcp(port) as server:
            output, errors = server.communicate()

    assert (output, server.returncode) == ("", 1)
    assert f"Cannot listen on 127.0.0.1:{port}" in errors
    assert "Traceback" not in errors
