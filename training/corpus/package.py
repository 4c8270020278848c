"""The pinned list of packages: what is fetched, under which licence, and for which use."""

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from training.errors import TrainingError

Registry = Literal["pypi", "npm", "debian-binary", "debian-source", "stdlib"]
Use = Literal["train", "held-out", "algorithms"]
"""``algorithms``: small packages, weighed by themselves as ``python/algorithms``."""


@dataclass(frozen=True, slots=True)
class Package:
    """One line of the list.

    ``languages`` are joined by commas. ``licence`` is what was found when the list was made; it is
    checked again from the package's own metadata. ``platform`` is a wheel tag, where the wheel of
    another platform holds the same sources in a fraction of the size; else it is ``any``.
    The registry ``stdlib`` is the running Python, whatever the list says; a corpus names the
    version that it read.
    """

    registry: str
    name: str
    version: str
    languages: str
    licence: str
    use: str
    platform: str

    @property
    def folder_name(self) -> str:
        """The package's folder below its registry's: a scope's slash becomes a plus."""
        return self.name.replace("/", "+")


_HEADER = tuple(field.name for field in fields(Package))


def read_packages(path: Path) -> list[Package]:
    """Read the list. Raises ``TrainingError`` naming the line that is not understood."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or tuple(lines[0].split("\t")) != _HEADER:
        raise TrainingError(f"{path}: the first line should name the columns {', '.join(_HEADER)}.")
    packages = []
    for number, line in enumerate(lines[1:], start=2):
        columns = line.split("\t")
        if len(columns) != len(_HEADER):
            raise TrainingError(
                f"{path}:{number}: expected {len(_HEADER)} columns, found {len(columns)}."
            )
        packages.append(Package(*columns))
    return packages


def write_packages(path: Path, packages: list[Package]) -> None:
    """Write the list so that ``read_packages`` reads it."""
    rows = [_HEADER, *(astuple(package) for package in packages)]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
