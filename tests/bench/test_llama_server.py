"""Where llama-server is looked for, and what is told when it is nowhere."""

import os

import pytest

from bench import llama_server
from bench.errors import PeerError
from bench.llama_server import end_of_log, find_llama_server, llama_server_environment
from testing import debian_packages as debian
from testing.errors import InstallationError


def test_the_end_of_a_log_has_no_frames_of_the_debugger():
    own = ["loading model\n", "ggml-backend.cpp:1442: GGML_ASSERT failed\n"]
    frames = ["[New LWP 7]\n", "warning: no thread database\n", "0x00007fceeeaa6efe in ?? ()\n"]
    frames += [f"#{i}  0x00007ffec07779f9 in ?? ()\n" for i in range(46)]

    assert end_of_log([*own, *frames, "[Inferior 1 detached]\n"]) == "".join(own).rstrip()


def test_variables_that_set_the_peer_s_options_are_reported(monkeypatch):
    for name in [name for name in os.environ if name.startswith("LLAMA_ARG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LLAMA_ARG_REPACK", "0")

    assert llama_server_environment() == {"LLAMA_ARG_REPACK": "0"}


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Return the three places where the program may be; none of them is there yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("LLAMA_SERVER", raising=False)
    installed = tmp_path / "cache" / "llama-server"
    monkeypatch.setattr(llama_server, "installed_llama_server", lambda: installed)
    return tmp_path / "named", folder / "llama-server", installed


def make_program(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_named_program_comes_before_path_and_path_before_ours(places, monkeypatch):
    named, on_path, installed = places
    for place in (installed, on_path, named):
        make_program(place)
        if place == named:
            monkeypatch.setenv("LLAMA_SERVER", str(named))

        assert find_llama_server() == place


def test_without_one_the_command_that_installs_it_is_named(places):
    with pytest.raises(PeerError, match="python -m bench install"):
        find_llama_server()


def test_a_named_program_that_is_not_there_is_not_replaced_by_another(places, monkeypatch):
    make_program(places[1])
    monkeypatch.setenv("LLAMA_SERVER", str(places[0]))

    with pytest.raises(PeerError, match="named"):
        find_llama_server()


@pytest.mark.parametrize(
    "sources",
    [
        "deb http://mirror.test/debian bookworm main\n",
        "deb [signed-by=/k.gpg] http://mirror.test/debian/ bookworm main\n",
        "Types: deb\n# URIs: http://other.test/debian\nURIs: http://mirror.test/debian\n",
        "deb http://other.test/debian-security s main\ndeb http://mirror.test/debian s main\n",
    ],
    ids=["one line", "with options", "deb822", "after security"],
)
def test_the_mirror_is_the_machine_s_own(tmp_path, monkeypatch, sources):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(sources, encoding="utf-8")
    monkeypatch.setattr(debian, "_SOURCES", tmp_path)

    assert debian._mirror() == "http://mirror.test/debian"


def test_a_machine_without_a_mirror_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "_SOURCES", tmp_path)

    with pytest.raises(InstallationError, match="No Debian mirror"):
        debian._mirror()
