"""A folder in which a real editor works on files, with a home folder of its own."""

import contextlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.editors.support.waiting import wait_until


class Project:
    """``folder`` is the project's root with a ``.git``, ``home`` the user's home folder.

    ``clone`` is for a copy of this repository, from which the user installs.

    ``environment`` is what the editor is to be started with: home, XDG folders and coder-lsp's own
    folders are in the project; first on PATH are the programs provided, then ``~/.local/bin``.
    """

    def __init__(self, base: Path) -> None:
        self.folder = base / "project"
        self.home = base / "home"
        self.clone = base / "clone"
        self._state = base / "state"
        (self.folder / ".git").mkdir(parents=True)
        self.home.mkdir(exist_ok=True)
        self._programs = base / "bin"
        self._programs.mkdir()
        self.environment = _environment(base)
        self._script = base / "script.json"
        self.write_script([])

    def provide(self, program: str) -> None:
        """Put a program of this environment on the PATH, such as ``pylsp``, a second server."""
        (self._programs / program).symlink_to(Path(sysconfig.get_path("scripts")) / program)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project, line ends as they stand in ``text``."""
        path = self.folder / name
        path.write_bytes(text.encode())
        return path

    def read(self, name: str) -> str:
        """Return a file as it lies on disk, line ends as they are."""
        return (self.folder / name).read_bytes().decode()

    def wait_for_file(self, name: str, text: str) -> None:
        """Wait until a file on disk is exactly ``text``; while it is saved it may not be there."""

        def found() -> str | None:
            try:
                return self.read(name)
            except FileNotFoundError:
                return None

        wait_until(lambda: found() == text, f"{name} to be {text!r}", lambda: repr(found()))

    def write_script(self, answers: list[dict[str, Any]]) -> None:
        """Write what the scripted backend answers (``coder_lsp/backends/scripted.py``)."""
        self._script.write_text(json.dumps({"answers": answers}), encoding="utf-8")

    @property
    def scripted(self) -> dict[str, Any]:
        """The server's settings with which it answers from the script, however slow the machine."""
        return {"backend": "scripted", "script": str(self._script), "timeBudgetMs": 60_000}

    def usage(self) -> dict[str, Any]:
        """Return what ``coder-lsp stats --json`` counts in this project's state folder."""
        command = [sys.executable, "-m", "coder_lsp", "stats", "--json"]
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(result.stdout)

    def wait_for_usage(self, counts: Mapping[str, int]) -> None:
        """Wait until these counters of ``usage`` have these values."""
        wait_until(
            lambda: counts.items() <= self.usage().items(),
            f"coder-lsp stats to count {dict(counts)}",
            lambda: json.dumps(self.usage(), indent=1),
        )

    def servers(self) -> list[psutil.Process]:
        """Return the processes of coder-lsp's server that this project's editor runs."""
        return [process for process in psutil.process_iter() if self._is_our_server(process)]

    def kill_server(self) -> None:
        """Kill the server as if it had crashed, and wait until it is gone."""
        wait_until(lambda: self.servers() != [], "a server to run")
        killed = self.servers()
        for process in killed:
            process.kill()
        wait_until(lambda: all(map(_has_ended, killed)), "the server to end")

    def end_programs(self) -> None:
        """Kill what was started in this project and is still there, editors and terminals too."""
        for process in filter(self._is_ours, psutil.process_iter()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _is_our_server(self, process: psutil.Process) -> bool:
        try:
            arguments = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        is_server = "serve" in arguments and any("coder" in part for part in arguments)
        return is_server and self._is_ours(process)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("CODER_LSP_STATE_DIR") == str(self._state)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _environment(base: Path) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not _is_of_the_user(name)}
    programs = (base / "bin", base / "home" / ".local" / "bin")
    return {
        **kept,
        **_registries(),
        "HOME": str(base / "home"),
        "XDG_CONFIG_HOME": str(base / "home" / ".config"),
        "XDG_CACHE_HOME": str(base / "home" / ".cache"),
        "XDG_DATA_HOME": str(base / "home" / ".local" / "share"),
        "XDG_STATE_HOME": str(base / "home" / ".local" / "state"),
        "CODER_LSP_STATE_DIR": str(base / "state"),
        "CODER_LSP_CACHE_DIR": str(base / "cache"),
        "PATH": os.pathsep.join([*map(str, programs), _system_path()]),
        "LC_ALL": "C.UTF-8",
        "COLORTERM": "truecolor",
    }


def _system_path() -> str:
    """Return PATH without this environment, whose linters and servers the editors would find."""
    own = sysconfig.get_path("scripts")
    return os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != own)


def _registries() -> dict[str, str]:
    """Tell pip and npm of the user's settings, which they look for in the home folder."""
    files = {"PIP_CONFIG_FILE": ".config/pip/pip.conf", "NPM_CONFIG_USERCONFIG": ".npmrc"}
    present = {name: Path.home() / file for name, file in files.items()}
    return {name: str(path) for name, path in present.items() if path.exists()}


def _has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, be it that its parent has not asked for its status yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _is_of_the_user(name: str) -> bool:
    prefixes = ("XDG_", "CODER_LSP_", "TMUX", "PYTHON", "VIRTUAL_ENV", "LC_", "LANG")
    return name.startswith(prefixes)
