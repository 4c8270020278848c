"""Helix from Debian's sid. The package brings no grammars, hence no colours; LSP is all there."""

from pathlib import Path

from testing.debian_packages import unpack_packages
from tests.editors.install.debian_program import relink, write_launcher
from tests.editors.install.folder import editors_folder


def install() -> Path:
    """Install Helix unless it is there, and return the program. Raises ``PeerError``."""
    folder = editors_folder() / "helix"
    program = folder / "bin" / "hx"
    if not program.exists():
        root = unpack_packages(["hx"], folder)
        binary = relink(root / "usr" / "bin" / "hx", root, folder / "bin" / "hx.real")
        runtime = root / "usr" / "lib" / "hx" / "runtime"
        write_launcher(program, binary, {"HELIX_RUNTIME": str(runtime)})
    return program
