"""``python -m bench install``: llama-server, llama.cpp's HTTP server, for the CPU."""

import shlex
from pathlib import Path

import click

from bench.errors import PeerError
from testing.cache_folder import cache_folder
from testing.debian_packages import unpack_packages
from testing.errors import InstallationError


@click.command()
def command() -> None:
    """Install llama-server into the user's cache folder, unless it is there."""
    print(install_llama_server())


def installed_llama_server() -> Path:
    """Return where ``install_llama_server`` puts the program, whether it is there or not."""
    return _folder() / "llama-server"


def install_llama_server() -> Path:
    """Install llama-server unless it is there, and return the program. Raises ``PeerError``.

    The program is a script that runs Debian's build with Debian's own loader and libraries; it
    changes the working directory, where llama.cpp looks for the code for this machine's processor,
    so give it absolute paths.
    """
    program = installed_llama_server()
    if program.exists():
        return program
    try:
        root = unpack_packages(["llama.cpp"], _folder())
    except InstallationError as exc:
        raise PeerError(str(exc)) from exc
    binary = root / "usr" / "bin" / "llama-server"
    loader = _only(root, "usr/lib/*/ld-linux-*.so.*")
    backends = _only(root, "usr/lib/*/ggml/backends*/libggml-cpu*.so").parent
    libraries = loader.parent
    path = f"{libraries}:{libraries / 'llama'}"
    run = shlex.join([str(loader), "--library-path", path, str(binary)])
    script = f'#!/bin/sh\ncd {shlex.quote(str(backends))} && exec {run} "$@"\n'
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    return program


def _folder() -> Path:
    return cache_folder() / "peers" / "llama.cpp"


def _only(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if not found:
        raise PeerError(f"Debian's llama.cpp holds no {pattern}; its layout has changed.")
    return found[0]
