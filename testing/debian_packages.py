"""Unpacks Debian packages with all they need into a folder of their own.

The system's package manager is asked with a configuration of ours: its own lists, its own state,
the mirror that this machine uses already. Nothing is installed into the system, no maintainer
script runs, and the packages' own C library is used to run what is in them. The tests install
their editors by this too.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import filelock

from testing.errors import InstallationError

SUITE = "sid"
"""Whatever the mirror has today: Debian keeps dated suites on another server, which a machine that
reaches nothing but its mirror cannot ask."""
_SOURCES = Path("/etc/apt")
_LISTS_ARE_FRESH_SECONDS = 24 * 3600
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TOOLS = ("apt-get", "dpkg-deb", "tar")
_MIRROR = re.compile(r"^(?:URIs:|deb(?:-src)?)\s.*?(https?://\S+/debian)/?(?:\s|$)", re.MULTILINE)


def unpack_packages(packages: Sequence[str], folder: Path) -> Path:
    """Unpack packages and their dependencies; return the folder that stands for ``/``.

    A folder that is complete already is left as it is; its file ``complete`` lists the packages and
    their versions. Folders beside each other share apt's lists, and wait for each other. Raises
    ``InstallationError``.
    """
    root, done = folder / "root", folder / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / "apt.lock"):
        if not done.exists():
            versions = _download_and_unpack(packages, folder, root)
            done.write_text("\n".join((*versions, "")), encoding="utf-8")
    return root


def _download_and_unpack(packages: Sequence[str], folder: Path, root: Path) -> list[str]:
    """Return what was unpacked, as ``package=version``."""
    _require_tools(packages)
    apt = folder.parent / "apt"
    config = _write_config(apt)
    if not _has_fresh_lists(apt):
        _apt(config, "update", "-qq")
    plan = _apt(config, "install", "--simulate", "-qq", *packages)
    wanted = [f"{m[1]}={m[2]}" for m in re.finditer(r"^Inst (\S+) \((\S+)", plan, re.MULTILINE)]
    if not wanted:
        raise InstallationError(f"Debian's {SUITE} does not offer {', '.join(packages)}.")
    archives = folder / "archives"
    archives.mkdir(exist_ok=True)
    _apt(config, "download", "-qq", *wanted, cwd=archives)
    for name in ("bin", "sbin", "lib", "lib64"):  # as base-files has it: /lib is /usr/lib
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        link = root / name
        if not link.is_symlink():
            link.symlink_to(Path("usr") / name)
    for archive in sorted(archives.glob("*.deb")):
        _unpack(archive, root)
    shutil.rmtree(archives)
    return wanted


def _has_fresh_lists(apt: Path) -> bool:
    """Whether the lists were fetched today: old ones name packages that the mirror has no more."""
    now = time.time()
    lists = (apt / "lists").glob("*Packages*")
    return any(now - path.stat().st_mtime < _LISTS_ARE_FRESH_SECONDS for path in lists)


def _require_tools(packages: Sequence[str]) -> None:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing or not _KEYRING.exists():
        raise InstallationError(
            f"Only Debian and its relatives have what this needs ({', '.join(_TOOLS)} and Debian's "
            f"archive keyring). Install {', '.join(packages)} as your system has it, and put the "
            "program on PATH."
        )


def _write_config(folder: Path) -> Path:
    """Write an apt configuration that leaves the system's alone."""
    for name in ("lists/partial", "cache/archives/partial", "state"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    status = folder / "status"
    status.touch()  # empty: as if nothing were installed, so that all dependencies are fetched
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {SUITE} main\n", encoding="utf-8")
    config = folder / "apt.conf"
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State": folder / "state",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": status,
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
    }
    lines = "".join(f'{name} "{value}";\n' for name, value in settings.items())
    config.write_text(lines, encoding="utf-8")
    return config


def _mirror() -> str:
    """Return the Debian mirror of the system's own sources."""
    for path in (_SOURCES / "sources.list", *sorted((_SOURCES / "sources.list.d").glob("*"))):
        if path.is_file() and (match := _MIRROR.search(path.read_text(encoding="utf-8"))):
            return match[1]
    raise InstallationError(
        f"No Debian mirror is named in {_SOURCES}; this machine's apt has none."
    )


def _apt(config: Path, *arguments: str, cwd: Path | None = None) -> str:
    command = ["apt-get", *arguments]
    result = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        tail = "\n".join(result.stderr.splitlines()[-5:])
        raise InstallationError(f"{' '.join(command[:2])} failed:\n{tail}")
    return result.stdout


def _unpack(archive: Path, root: Path) -> None:
    files = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", archive], capture_output=True, check=False
    )
    if files.returncode == 0:
        options = ["--keep-directory-symlink", "--no-same-owner"]
        files = subprocess.run(
            ["tar", "-x", "-C", root, *options],
            input=files.stdout,
            check=False,
            capture_output=True,
        )
    if files.returncode != 0:
        raise InstallationError(
            f"{archive.name} cannot be unpacked: {files.stderr.decode().strip()}"
        )
