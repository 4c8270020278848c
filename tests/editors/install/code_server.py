"""code-server, VS Code in a browser, from npm.

Its own install script builds native modules that nobody needs here, so scripts are skipped and the
two that its server loads are built. That takes a C++ compiler, make and Python.
"""

import sys
from pathlib import Path

import filelock

from tests.editors.install.debian_program import write_launcher
from tests.editors.install.folder import editors_folder
from tests.editors.install.node import install as node
from tests.editors.install.node import node_environment, run_npm

VERSION = "4.139.1"
_BUILT = ("@vscode/spdlog", "@vscode/native-watchdog")


def install() -> Path:
    """Install code-server unless it is there, and return the program. Raises ``PeerError``."""
    folder = editors_folder() / f"code-server-{VERSION}"
    folder.mkdir(exist_ok=True)
    program = folder / "bin" / "code-server"
    with filelock.FileLock(folder / "install.lock"):
        if not program.exists():
            _install(folder, program)
    return program


def _install(folder: Path, program: Path) -> None:
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    run_npm("install", "--ignore-scripts", "--force", f"code-server@{VERSION}", folder=folder)
    package = folder / "node_modules" / "code-server"
    editor = package / "lib" / "vscode"
    run_npm("install", "--omit=dev", "--ignore-scripts", folder=editor)
    run_npm("rebuild", f"--python={sys.executable}", *_BUILT, folder=editor)
    script = folder / "code-server.sh"
    entry = package / "out" / "node" / "entry.js"
    script.write_text(f'#!/bin/sh\nexec "{node()}" "{entry}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    write_launcher(program, script, {"PATH": node_environment()["PATH"]})
