"""tmux, the terminal in which the tests type: the machine's own, else Debian's."""

import shutil
from pathlib import Path

from testing.debian_packages import unpack_packages
from tests.editors.install.debian_program import relink
from tests.editors.install.folder import editors_folder


def install() -> Path:
    """Install tmux unless it is there, and return the program. Raises ``PeerError``."""
    if found := shutil.which("tmux"):
        return Path(found)
    folder = editors_folder() / "tmux"
    program = folder / "bin" / "tmux"
    if not program.exists():
        root = unpack_packages(["tmux"], folder)
        relink(root / "usr" / "bin" / "tmux", root, program)
    return program
