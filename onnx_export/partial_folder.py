"""A model folder that is not complete yet: ``OUT_DIR.partial``, beside where it will stand.

It is kept when an export breaks off, so that the same command can go on, and moved to its place
when everything is written. One process writes it at a time.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from onnx_export.errors import OutputError, RoomError

JOURNAL_NAME = "journal.jsonl"
_JOB_NAME = "job.txt"
_LOCK_NAME = "lock"


@contextmanager
def partial_folder(out_dir: Path, job: str) -> Iterator[Path]:
    """Yield the folder to write into; it becomes ``out_dir`` if the block succeeds.

    What an earlier run left is still in it if that run had the same ``job``, and removed if not. If
    the block fails, the folder stays where something was completed and vanishes where nothing was.
    Raises ``OutputError``.
    """
    folder = partial_path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK_NAME, timeout=0)
        lock.acquire()
    except Timeout as exc:
        raise OutputError(
            f"Another export is writing {folder}. Wait for it, or name another folder."
        ) from exc
    except OSError as exc:
        raise OutputError(f"No folder can be made beside {out_dir}: {exc}.") from exc
    try:
        _keep_only_the_same(folder, job)
        yield folder
    except BaseException as exc:
        lock.release()
        if not _is_worth_keeping(folder):
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(exc, OSError):
            raise OutputError(
                f"{folder} could not be written: {exc}. When that is mended, the same command goes "
                "on from there."
            ) from exc
        if isinstance(exc, MemoryError):
            raise RoomError(
                "The export ran out of memory. Close other programs; the same command goes on from "
                "where it was."
            ) from exc
        raise
    lock.release()
    _move(folder, out_dir)


def partial_path(out_dir: Path) -> Path:
    """Return where ``out_dir`` lies until it is complete."""
    return out_dir.with_name(f"{out_dir.name}.partial")


def _keep_only_the_same(folder: Path, job: str) -> None:
    job_path = folder / _JOB_NAME
    if job_path.is_file() and job_path.read_text(encoding="utf-8") == job:
        return
    for path in folder.iterdir():
        if path.name != _LOCK_NAME:
            path.unlink()
    job_path.write_text(job, encoding="utf-8")


def _is_worth_keeping(folder: Path) -> bool:
    journal = folder / JOURNAL_NAME
    return journal.is_file() and journal.stat().st_size > 0


def _move(folder: Path, out_dir: Path) -> None:
    try:
        for name in (JOURNAL_NAME, _JOB_NAME, _LOCK_NAME):
            (folder / name).unlink(missing_ok=True)
        if out_dir.is_dir():
            out_dir.rmdir()
        folder.rename(out_dir)
    except OSError as exc:
        raise OutputError(
            f"{folder} is complete but cannot be moved to {out_dir}: {exc}. Move it there yourself."
        ) from exc
