"""Fetching a repository's files, so that an interruption costs ten megabytes at most.

The hub's library starts a file again in each process, and a file of Lite has 8.6 GB. What has come
of a file is therefore kept here, under another name, and is moved to its place when its checksum is
right. The library hands over ten megabytes at a time.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import filelock

from coder_lsp.errors import FormatError, InstallError
from coder_lsp.install.hub import Hub
from coder_lsp.install.network_errors import ConnectionBroken
from coder_lsp.install.repository import RemoteFile, Repository
from coder_lsp.json_input import read_json, structure

RECORD_NAME = "download.json"
_LOCK_NAME = "download.lock"
_READ_BYTES = 1 << 20

OnBytes = Callable[[int], None]
"""Called with the number of bytes of all files together that are here by now."""


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """What a download folder is for, and what it holds: the digests that were right, by name.

    The commit is the one that the revision meant when the download began: a branch may move, and
    files of two commits do not belong together.
    """

    repository: Repository
    revision: str
    verified: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> "DownloadRecord | None":
        """Return the folder's record; None if there is none that can be read."""
        path = folder / RECORD_NAME
        with contextlib.suppress(OSError, FormatError):
            record: DownloadRecord = structure(read_json(path), DownloadRecord, str(path))
            return record
        return None

    def write(self, folder: Path) -> None:
        """Write the record in one step."""
        temporary = folder / f"{RECORD_NAME}.tmp"
        text = json.dumps(asdict(self), indent=2) + "\n"
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(folder / RECORD_NAME)


def recorded_download(folder: Path, revision: str) -> Repository | None:
    """Return what was being fetched into a folder for a revision; None if nothing was."""
    record = DownloadRecord.read(folder)
    return record.repository if record is not None and record.revision == revision else None


def num_missing_bytes(repository: Repository, folder: Path) -> int:
    """Return how much is still to be fetched."""
    verified = _verified(folder)
    return sum(
        file.size - _num_present(file, folder)
        for file in repository.files
        if not _is_complete(file, folder, verified)
    )


def is_complete(repository: Repository, folder: Path) -> bool:
    """Whether every file is here."""
    verified = _verified(folder)
    return all(_is_complete(file, folder, verified) for file in repository.files)


def download(
    hub: Callable[[], Hub],
    repository: Repository,
    revision: str,
    folder: Path,
    on_bytes: OnBytes,
    *,
    weights: bool = True,
) -> None:
    """Fetch what is missing and check every file; a second call continues where one stopped.

    Without ``weights`` the large files are left out. ``hub`` is called only if something is
    missing. Raises ``InstallError``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            record = DownloadRecord(repository, revision, dict(_verified(folder)))
            record.write(folder)
            num_done = 0
            for file in repository.files:
                if file.is_weights and not weights:
                    continue
                if not _is_complete(file, folder, record.verified):
                    _fetch(hub(), repository, file, folder, num_done, on_bytes)
                    verified = {**record.verified, file.name: file.digest}
                    record = replace(record, verified=verified)
                    record.write(folder)
                num_done += file.size
                on_bytes(num_done)
    except OSError as exc:
        raise InstallError(
            f"The download cannot be written to {folder}: {exc}. Free some space or change the "
            "folder's permissions, then run the same command again."
        ) from exc


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
        raw.seek(0, os.SEEK_END)
        if raw.tell() > file.size:  # of a hub that sent too much
            raw.truncate(0)
        target = _Counted(raw, file, lambda position: on_bytes(num_before + position))
        while raw.tell() < file.size:
            offset = raw.tell()
            try:
                hub.fetch(repository, file, cast("BinaryIO", target), offset)
            except ConnectionBroken:
                # Addresses of large files expire: as long as something came, ask for a new one.
                if raw.tell() <= offset:
                    raise
    _verify(file, partial)
    partial.replace(folder / file.local_name)


class _Counted:
    """The file that the hub's library writes to. It reports its length, which has a limit."""

    def __init__(
        self, file: BinaryIO, remote: RemoteFile, on_position: Callable[[int], None]
    ) -> None:
        self._file = file
        self._remote = remote
        self._on_position = on_position

    def write(self, chunk: bytes) -> int:
        if self._file.tell() + len(chunk) > self._remote.size:
            raise InstallError(
                f"More came of {self._remote.name} than the {self._remote.size} bytes that it has. "
                "A proxy may have changed it. Run the same command again, or try another network."
            )
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
        "was removed. Run the same command again. If it fails again, a proxy may change files."
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
    path = folder / file.local_name
    return (
        verified.get(file.name) == file.digest
        and path.is_file()
        and path.stat().st_size == file.size
    )


def _num_present(file: RemoteFile, folder: Path) -> int:
    partial = _partial_path(file, folder)
    return min(partial.stat().st_size, file.size) if partial.is_file() else 0


def _partial_path(file: RemoteFile, folder: Path) -> Path:
    return folder / f"{file.local_name}.{file.digest[:12]}.part"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / _LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as exc:
        raise InstallError(
            f"Another coder-lsp install (not this one, process {os.getpid()}) is downloading to "
            f"{folder}. Wait until it has finished."
        ) from exc
    try:
        yield
    finally:
        lock.release()
