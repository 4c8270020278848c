"""Fetch named packages with their registries' ordinary clients.

Archives stay in the folder they are fetched into, so a second run asks no registry again.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from training.corpus.package import Package
from training.errors import TrainingError

_TIMEOUT_SECONDS = 600
_AT_ONCE = 8
"""The clients mostly wait for their registries."""


def fetch_all(packages: Sequence[Package], archives: Path, report: Callable[[str], None]) -> None:
    """Fetch what is not there yet, several at once; whoever reads a package meets its errors."""
    if any(package.registry.startswith("debian") for package in packages):
        _apt_get(archives)  # makes its state, which the threads share

    def fetch_one(package: Package) -> str:
        try:
            fetch(package, archives)
        except TrainingError as exc:
            return f"{exc.message}; asked for once more later"
        return f"fetched {package.name} {package.version}"

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for line in threads.map(fetch_one, packages):
            report(line)


def fetch(package: Package, archives: Path) -> Path:
    """Return the folder that holds the package's archives, fetching them if it does not.

    Raises ``TrainingError`` with the client's own last words when the package cannot be had.
    """
    folder = archives / package.registry / package.folder_name
    if folder.is_dir() and any(folder.iterdir()):
        return folder
    command = _command(package, archives)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    last_words = _run_client(command, partial) or ("" if any(partial.iterdir()) else "no file")
    if last_words:
        raise TrainingError(
            f"{package.registry} gave no {package.name} {package.version}: {last_words}"
        )
    if folder.is_dir():
        folder.rmdir()
    return partial.rename(folder)


def _run_client(command: list[str], folder: Path) -> str | None:
    """Run a registry's client in a folder; return its last words if it failed."""
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_TIMEOUT_SECONDS} seconds"
    if result.returncode == 0:
        return None
    last_words = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
    return " ".join(last_words) or f"exit status {result.returncode}"


def _command(package: Package, archives: Path) -> list[str]:
    match package.registry:
        case "pypi":
            return _pip_download(package)
        case "npm":
            npm = ["npm", "pack", "--silent", "--ignore-scripts"]
            return [*npm, f"{package.name}@{package.version}"]
        case "debian-binary":
            apt = _apt_get(archives)
            return [*apt, "download", f"{package.name}={package.version}"]
        case "debian-source":
            apt = _apt_get(archives)
            return [*apt, "source", "--download-only", f"{package.name}={package.version}"]
    raise TrainingError(f"{package.name}: the registry {package.registry!r} is not known.")


def _pip_download(package: Package) -> list[str]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:"]
    if package.platform != "any":
        command += ["--platform", package.platform, "--python-version", "3.11"]
    return [*command, f"{package.name}=={package.version}"]


def _apt_get(archives: Path) -> list[str]:
    """Return apt-get with a state of its own, which also knows the sources of packages."""
    state = (archives / "apt").resolve()
    sources = state / "sources.d"
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(sources),
        "Dir::State::lists": str(state / "lists"),
        "Dir::Cache": str(state / "cache"),
        "APT::Sandbox::User": "root",
    }
    apt_get = ["apt-get", "-q"]
    for name, value in options.items():
        apt_get += ["-o", f"{name}={value}"]
    if not sources.is_dir():
        _prepare_apt(state, sources)
        subprocess.run([*apt_get, "update"], capture_output=True, check=True)
    return apt_get


def _prepare_apt(state: Path, sources: Path) -> None:
    """Copy the machine's own list, sources of packages added, the release alone.

    Updates replace each other within weeks, so a version pinned from them is soon gone.
    """
    for folder in (sources, state / "lists" / "partial", state / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True)
    for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
        stanzas = path.read_text(encoding="utf-8").split("\n\n")
        kept = "\n\n".join(s for s in stanzas if "-security" not in s)
        kept = re.sub(r"^Types: deb$", "Types: deb deb-src", kept, flags=re.MULTILINE)
        kept = re.sub(r"^(Suites: \S+).*$", r"\1", kept, flags=re.MULTILINE)
        (sources / path.name).write_text(kept, encoding="utf-8")
