"""code-server, VS Code in a browser, from npm.

Its own install script builds native modules that nobody needs here, so scripts are skipped and the
two that its server loads are built. That takes a C++ compiler, make and Python.
"""

import os
import sys
from pathlib import Path

import filelock

from tests.editors.install.folder import editors_folder
from tests.editors.install.node import install as node
from tests.editors.install.node import run_npm

VERSION = "4.139.1"
_BUILT = ("@vscode/spdlog", "@vscode/native-watchdog")


def install() -> Path:
    """Install code-server unless it is there, and return the program. Raises ``PeerError``."""
    folder = editors_folder() / f"code-server-{VERSION}"
    folder.mkdir(exist_ok=True)
    package = folder / "node_modules" / "code-server"
    with filelock.FileLock(folder / "install.lock"):
        if not (folder / "complete").exists():
            _install(folder, package)
            (folder / "complete").touch()
        return _write_program(folder / "bin" / "code-server", package)


def _install(folder: Path, package: Path) -> None:
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    run_npm("install", "--ignore-scripts", "--force", f"code-server@{VERSION}", folder=folder)
    editor = package / "lib" / "vscode"
    run_npm("install", "--omit=dev", "--ignore-scripts", folder=editor)
    run_npm("rebuild", f"--python={sys.executable}", *_BUILT, folder=editor)


def _write_program(program: Path, package: Path) -> Path:
    """Write what starts it by the present environment's node, whose place may have changed."""
    entry = package / "out" / "node" / "entry.js"
    program.parent.mkdir(exist_ok=True)
    fresh = program.with_suffix(f".{os.getpid()}")
    fresh.write_text(f'#!/bin/sh\nexec "{node()}" "{entry}" "$@"\n', encoding="utf-8")
    fresh.chmod(0o755)
    return fresh.replace(program)
