"""The VS Code extension, packaged from ``editors/vscode`` of this checkout."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import filelock

from testing.errors import InstallationError
from tests.editors.install.node import install as node
from tests.editors.install.node import node_environment, run_npm

_ROOT = Path(__file__).parents[3]
_SOURCE = _ROOT / "editors" / "vscode"
_PARTS = ("scripts", "images", "media", "src")
_WHEEL_FILES = ("pyproject.toml", "README.md", "LICENSE")


def install() -> Path:
    """Package the extension unless that is done, and return the ``.vsix``.

    Raises ``InstallationError``.
    """
    vsix = _SOURCE / "coder-lsp.vsix"
    installed = _SOURCE / "node_modules" / ".package-lock.json"
    with filelock.FileLock(_SOURCE / ".package.lock"):
        if _is_stale(installed, [_SOURCE / "package-lock.json"]):
            run_npm("ci", folder=_SOURCE)
        if _is_stale(vsix, _sources()):
            run_npm("run", "package", folder=_SOURCE)
    return vsix


def package_extension(source: Path, target: Path) -> Path:
    """Bundle another extension's ``extension.js`` with our libraries, and package it."""
    script = _SOURCE / "scripts" / "bundle-other.js"
    result = subprocess.run(
        [node(), script, source, target],
        cwd=_SOURCE,
        env=node_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise InstallationError(f"{source.name} cannot be packaged: {result.stderr}")
    return target


def _sources() -> Iterable[Path]:
    """Yield the files that the package is made of, the server's wheel among them."""
    yield from _SOURCE.glob("*.*")
    for part in _PARTS:
        yield from (_SOURCE / part).rglob("*.*")
    yield from (_ROOT / name for name in _WHEEL_FILES)
    for package in ("coder_lsp", "onnx_export"):
        for path in (_ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _is_stale(target: Path, sources: Iterable[Path]) -> bool:
    if not target.exists():
        return True
    made = target.stat().st_mtime
    return any(path.stat().st_mtime > made for path in sources if path != target)
