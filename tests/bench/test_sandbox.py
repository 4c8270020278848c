import socket
import subprocess
import sys

import pytest

from bench.sandbox.confine import watched
from bench.sandbox.run import Limits, run_program

ADD = "def add(a, b):\n    return {body}\n\nassert add(1, 2) == 3\n"


def check_verdict(program, expected, seconds=20.0, num_bytes=1 << 29):
    assert run_program(program, Limits(seconds, num_bytes)) == expected


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param(ADD.format(body="a + b"), "passed", id="right"),
        pytest.param(ADD.format(body="a - b"), "failed", id="wrong"),
        pytest.param(ADD.format(body="a +"), "failed", id="no program"),
        pytest.param("import sys\nsys.exit()", "failed", id="sys.exit"),
        pytest.param("import os\nos._exit(0)", "failed", id="os._exit"),
        pytest.param("print('ü')\nimport os\nos.write(1, b'passed')", "failed", id="noise"),
        pytest.param("print('ü' * 100_000)", "passed", id="prints much"),
        pytest.param("import random, decimal, hashlib, typing, re", "passed", id="library"),
        pytest.param("input()", "failed", id="reads input"),
    ],
)
def test_only_a_program_that_comes_to_its_end_passes(program, expected):
    check_verdict(program, expected)


def test_an_endless_loop_is_stopped():
    check_verdict("while True: pass", "timed_out", seconds=0.5)


@pytest.mark.skipif(sys.platform == "darwin", reason="limited by watching, tested below")
def test_a_program_that_takes_too_much_memory_fails():
    program = "x = bytearray({})"

    check_verdict(program.format(600 << 20), "failed")
    check_verdict(program.format(100 << 20), "passed")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ps, and jobs instead")
def test_a_watched_process_is_killed_when_it_takes_too_much_memory():
    hog = "import time\nx = b'x' * (100 << 20)\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hog], stdout=subprocess.PIPE) as process:
        with watched(process, 50 << 20):
            process.wait(30)

        assert process.returncode != 0


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', {port}))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}')",
        "import os; assert os.system('true') == 0",
        "import subprocess; subprocess.run(['true'], check=True)",
        "import os; os.fork() or os._exit(1)",
        "open('left-behind', 'w').close()",
        "import shutil; shutil.rmtree('.')",
        "import ctypes; ctypes.CDLL(None)",
    ],
)
def test_reaching_out_of_the_sandbox_fails(attempt):
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_verdict(attempt.format(port=server.getsockname()[1]), "failed")


def test_a_caught_attempt_to_connect_reaches_nobody():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        program = (
            "import socket\n"
            f"try: socket.create_connection(('127.0.0.1', {port}))\n"
            "except OSError: pass\n"
        )
        check_verdict(program, "passed")
        with pytest.raises(BlockingIOError):
            server.accept()
