"""Neovim from Debian's sid: 0.12 is younger than every release of Debian."""

from pathlib import Path

from testing.debian_packages import unpack_packages
from tests.editors.install.debian_program import relink, write_launcher
from tests.editors.install.folder import editors_folder


def install() -> Path:
    """Install Neovim unless it is there, and return the program. Raises ``PeerError``."""
    folder = editors_folder() / "neovim"
    program = folder / "bin" / "nvim"
    if not program.exists():
        root = unpack_packages(["neovim"], folder)
        binary = relink(root / "usr" / "bin" / "nvim", root, folder / "bin" / "nvim.real")
        runtime = root / "usr" / "share" / "nvim" / "runtime"
        write_launcher(program, binary, {"VIMRUNTIME": str(runtime)})
    return program
