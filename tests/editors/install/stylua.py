"""StyLua, compiled to WebAssembly, from the npm registry; Node.js runs it."""

from pathlib import Path

from tests.editors.install.folder import editors_folder
from tests.editors.install.node import run_npm

_PACKAGE = "@johnnymorganz/stylua"
_VERSION = "2.5.2"


def install() -> Path:
    """Install StyLua unless it is there, and return its module. Raises ``PeerError``."""
    folder = editors_folder() / f"stylua-{_VERSION}"
    module = folder / "node_modules" / _PACKAGE / "stylua_lib_node.cjs"
    if not module.exists():
        folder.mkdir(exist_ok=True)
        run_npm("install", "--prefix", ".", f"{_PACKAGE}@{_VERSION}", folder=folder)
    return module
