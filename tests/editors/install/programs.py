"""Which programs there are scripts for: the modules of this package with a function ``install``."""

import importlib
from pathlib import Path

_OF_THE_PACKAGE = {"__init__", "__main__", "debian_program", "folder", "programs"}


def names() -> list[str]:
    """Return the names of all programs."""
    modules = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return sorted(modules - _OF_THE_PACKAGE)


def installed(name: str) -> Path:
    """Install a program unless it is there, and return what starts it. Raises ``PeerError``."""
    return importlib.import_module(f"tests.editors.install.{name}").install()
