"""Build the corpus: fetch, read, refuse, compare, write; and say what was refused and why."""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path

import datasketch

from training.corpus.archives import read_package
from training.corpus.decontamination import EvaluationTexts, Overlap
from training.corpus.duplicates import SeenFiles, fingerprint, sketch
from training.corpus.licence import Licence, has_copyleft_header
from training.corpus.package import Package
from training.corpus.quality import Candidate, is_test, why_unfit
from training.corpus.registries import fetch, fetch_all
from training.corpus.store import CorpusWriter, write_corpus
from training.errors import TrainingError

_MAX_PACKAGE_BYTES = 12_000_000
_SHARE_OF_TESTS_KEPT = 0.3


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that is fit, with what is needed to compare it to the others."""

    candidate: Candidate
    digest: bytes
    minhash: datasketch.LeanMinHash | None


@dataclass(slots=True)
class ReadPackage:
    """What one package gives: its files, or ``error``."""

    package: Package
    licence: Licence | None = None
    files: list[ReadFile] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    overlaps: list[tuple[str, Overlap]] = field(default_factory=list)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One line of the manifest: what the corpus took from a package. ``size`` is in bytes."""

    registry: str
    name: str
    version: str
    licence: str
    use: str
    num_files: int
    size: int


def build_corpus(
    packages: Sequence[Package],
    archives: Path,
    evaluation: Path,
    out: Path,
    num_processes: int,
    report: Callable[[str], None],
) -> list[ManifestRow]:
    """Build the corpus in ``out`` and return its manifest; ``report`` takes a line of progress.

    ``removed.jsonl`` beside the corpus lists every file dropped for overlap with ``evaluation``.
    """
    needed = [package for package in packages if package.registry != "stdlib"]
    report(f"fetching {len(needed)} packages")
    fetch_all(needed, archives, report)
    manifest = []
    seen = SeenFiles()
    refused: Counter[str] = Counter()
    out.mkdir(parents=True, exist_ok=True)
    with (
        write_corpus(out) as writer,
        (out / "removed.jsonl").open("w", encoding="utf-8") as removed,
    ):
        for read in _read_all(packages, archives, evaluation, num_processes):
            if read.licence is None:
                report(f"{read.package.name}: {read.error}")
                continue
            row = _add(read, read.licence, seen, writer)
            manifest.append(row)
            refused += read.refused
            report(
                f"{row.name} {row.version} ({row.licence}): {row.num_files} files, {row.size} bytes"
            )
            for path, overlap in read.overlaps:
                where = {"package": read.package.name, "path": path}
                removed.write(
                    json.dumps(where | {"task": overlap.task_id, "words": overlap.words}) + "\n"
                )
                report(f"  removed {path}: overlaps {overlap.task_id}: {overlap.words}")
    report("refused: " + ", ".join(f"{n} {reason}" for reason, n in refused.most_common()))
    return manifest


def write_manifest(path: Path, manifest: Sequence[ManifestRow]) -> None:
    """Write the manifest as tab-separated values."""
    rows = [[f.name for f in fields(ManifestRow)], *(map(str, astuple(row)) for row in manifest)]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def _read_all(
    packages: Sequence[Package], archives: Path, evaluation: Path, num_processes: int
) -> Iterator[ReadPackage]:
    with ProcessPoolExecutor(num_processes) as processes:
        read_one = partial(_read_one, archives=archives, evaluation=evaluation)
        yield from processes.map(read_one, packages)


@cache
def _evaluation_texts(folder: Path) -> EvaluationTexts:
    """Read the evaluation sets once in each process."""
    return EvaluationTexts.read(folder)


def _read_one(package: Package, archives: Path, evaluation: Path) -> ReadPackage:
    if package.registry == "stdlib":
        package = replace(package, version=platform.python_version())
    try:
        folder = archives if package.registry == "stdlib" else fetch(package, archives)
        licence, candidates = read_package(package, folder)
    except TrainingError as exc:
        return ReadPackage(package, error=exc.message)
    if not licence.is_permissive:
        return ReadPackage(package, error=f"the licence {licence.name!r} is not on the allow-list")
    read = ReadPackage(package, licence)
    for candidate in candidates:
        _read_file(candidate, read, _evaluation_texts(evaluation))
    return read


def _read_file(candidate: Candidate, read: ReadPackage, evaluation: EvaluationTexts) -> None:
    reason = why_unfit(candidate)
    if reason is None and has_copyleft_header(candidate.text):
        reason = "copyleft header"
    overlap = evaluation.overlap(candidate.text) if reason is None else None
    if overlap is not None:
        reason = "overlaps an evaluation set"
        read.overlaps.append((candidate.path, overlap))
    if reason is not None:
        read.refused[reason] += 1
        return
    file = ReadFile(candidate, fingerprint(candidate.text), sketch(candidate.text))
    read.files.append(file)


def _add(read: ReadPackage, licence: Licence, seen: SeenFiles, writer: CorpusWriter) -> ManifestRow:
    """Write the package's files in an order that its cap cuts at random, but always the same."""
    package = read.package
    num_files = size = 0
    for file in sorted(read.files, key=lambda file: file.digest):
        reason = _why_thinned(file, size) or seen.why_known(file.digest, file.minhash)
        if reason is not None:
            read.refused[reason] += 1
            continue
        found = file.candidate
        size += writer.add(found.path, package.name, found.language, package.use, found.text)
        num_files += 1
    return ManifestRow(
        package.registry, package.name, package.version, licence.name, package.use, num_files, size
    )


def _why_thinned(file: ReadFile, size: int) -> str | None:
    if size > _MAX_PACKAGE_BYTES:
        return "over the package's cap"
    chance = hashlib.sha256(file.digest).digest()[0] / 256
    if is_test(file.candidate.path) and chance >= _SHARE_OF_TESTS_KEPT:
        return "one test of many"
    return None
