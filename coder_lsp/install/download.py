"""Fetching a repository's files, so that an interruption costs ten megabytes at most.

The hub's library begins a file anew in each process, and a file of Lite has 8.6 GB: what has come
of one is therefore kept here, under a name of its own, and moved to its place when its checksum is
right. The library hands over ten megabytes at a time.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import filelock

from coder_lsp.errors import InstallError
from coder_lsp.install.hub import ConnectionBroken, Hub
from coder_lsp.install.repository import RemoteFile, Repository

RECORD_NAME = "download.json"
_LOCK_NAME = "download.lock"
_READ_BYTES = 1 << 20

OnBytes = Callable[[int], None]
"""Called with the number of bytes of all files together that are here by now."""


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """What a download folder holds: the commit being fetched, and the digests found right."""

    repository: str
    revision: str
    commit: str
    verified: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> "DownloadRecord | None":
        """Return the folder's record; None where there is none that can be read."""
        try:
            document: Any = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
            return cls(
                str(document["repository"]),
                str(document["revision"]),
                str(document["commit"]),
                {str(name): str(digest) for name, digest in document["verified"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, folder: Path) -> None:
        """Write the record in one step."""
        temporary = folder / f"{RECORD_NAME}.tmp"
        text = {
            "repository": self.repository,
            "revision": self.revision,
            "commit": self.commit,
            "verified": self.verified,
        }
        temporary.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8", newline="\n")
        temporary.replace(folder / RECORD_NAME)


def recorded_commit(folder: Path, revision: str) -> str | None:
    """Return the commit that a branch meant when its download began; None where none did.

    A branch may move between two runs, and files of two commits do not belong together.
    """
    record = DownloadRecord.read(folder)
    return record.commit if record is not None and record.revision == revision else None


def num_missing_bytes(repository: Repository, folder: Path) -> int:
    """Return how much is still to be fetched."""
    verified = _verified(folder)
    return sum(
        file.size - _num_present(file, folder)
        for file in repository.files
        if not _is_complete(file, folder, verified)
    )


def download(
    hub: Hub, repository: Repository, revision: str, folder: Path, on_bytes: OnBytes
) -> None:
    """Fetch what is missing and check every file; a second call goes on where one stopped.

    Raises ``InstallError``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            verified = dict(_verified(folder))
            num_done = 0
            for file in repository.files:
                if not _is_complete(file, folder, verified):
                    _fetch(hub, repository, file, folder, num_done, on_bytes)
                    verified[file.name] = file.digest
                    DownloadRecord(repository.id, revision, repository.commit, verified).write(
                        folder
                    )
                num_done += file.size
                on_bytes(num_done)
    except OSError as exc:
        raise InstallError(
            f"The download cannot be written to {folder}: {exc}. Free some space or permit it, "
            "then run the same command again."
        ) from exc


def note_commit(repository: Repository, revision: str, folder: Path) -> None:
    """Write down what is about to be fetched, so that a second run fetches the same."""
    folder.mkdir(parents=True, exist_ok=True)
    DownloadRecord(repository.id, revision, repository.commit, dict(_verified(folder))).write(
        folder
    )


def _fetch(
    hub: Hub,
    repository: Repository,
    file: RemoteFile,
    folder: Path,
    num_before: int,
    on_bytes: OnBytes,
) -> None:
    partial = _partial_path(file, folder)
    with partial.open("ab") as raw:
        target = _Counted(raw, lambda position: on_bytes(num_before + position))
        while raw.tell() < file.size:
            offset = raw.tell()
            try:
                hub.fetch(repository, file, cast("BinaryIO", target), offset)
            except ConnectionBroken:
                # Addresses of large files expire: as long as something came, ask for a new one.
                if raw.tell() <= offset:
                    raise
    _verify(file, partial)
    partial.replace(folder / file.name)


class _Counted:
    """The file that the hub's library writes to; tells how far it has come."""

    def __init__(self, file: BinaryIO, on_position: Callable[[int], None]) -> None:
        self._file = file
        self._on_position = on_position

    def write(self, chunk: bytes) -> int:
        written = self._file.write(chunk)
        self._on_position(self._file.tell())
        return written

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, position: int) -> int:
        return self._file.seek(position)

    def truncate(self) -> int:
        return self._file.truncate()


def _verify(file: RemoteFile, path: Path) -> None:
    found = _sha256(path) if file.sha256 is not None else _git_oid(path)
    if path.stat().st_size == file.size and found == file.digest:
        return
    path.unlink()
    kind = "sha256" if file.sha256 is not None else "git's sha1"
    raise InstallError(
        f"{file.name} came damaged: its {kind} should be {file.digest} and is {found}. What came "
        "was removed; run the same command again. If it happens again, a proxy may be at work."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _git_oid(path: Path) -> str:
    # Git's name of a content; it is compared with what the hub says, not trusted against attacks.
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _verified(folder: Path) -> dict[str, str]:
    record = DownloadRecord.read(folder)
    return {} if record is None else record.verified


def _is_complete(file: RemoteFile, folder: Path, verified: dict[str, str]) -> bool:
    path = folder / file.name
    return (
        verified.get(file.name) == file.digest
        and path.is_file()
        and path.stat().st_size == file.size
    )


def _num_present(file: RemoteFile, folder: Path) -> int:
    partial = _partial_path(file, folder)
    return min(partial.stat().st_size, file.size) if partial.is_file() else 0


def _partial_path(file: RemoteFile, folder: Path) -> Path:
    return folder / f"{file.name}.{file.digest[:12]}.part"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / _LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as exc:
        raise InstallError(
            f"Another coder-lsp install (not this one, number {os.getpid()}) is fetching to "
            f"{folder}. Wait for it."
        ) from exc
    try:
        yield
    finally:
        lock.release()
