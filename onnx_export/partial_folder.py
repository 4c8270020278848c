"""A model folder that is not complete yet: ``OUT_DIR.partial``, beside ``OUT_DIR``.

It is kept when an export breaks off, so that the same command can continue, and moved to its place
when everything is written. One process writes it at a time.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from onnx_export.errors import OutputError, RoomError

JOURNAL_NAME = "journal.jsonl"
_JOB_NAME = "job.txt"


@contextmanager
def partial_folder(out_dir: Path, job: str) -> Iterator[Path]:
    """Yield the folder to write into; it becomes ``out_dir`` if the block succeeds.

    What an earlier run left is still in it if that run had the same ``job``, and removed if not. If
    the block fails, the folder is kept if anything in it is complete, and removed if not. Raises
    ``OutputError``.
    """
    out_dir = out_dir.resolve()
    folder = partial_path(out_dir)
    with _locked(folder):
        # Another process may have completed it while this one was starting.
        require_free(out_dir)
        try:
            folder.mkdir(exist_ok=True)
            _keep_only_the_same(folder, job)
            yield folder
        except BaseException as exc:
            if not _is_worth_keeping(folder):
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(exc, OSError):
                raise OutputError(
                    f"{folder} could not be written: {exc}. Mend this and run the same command "
                    "again: it continues there."
                ) from exc
            if isinstance(exc, MemoryError):
                raise RoomError(
                    "The export ran out of memory. Close other programs and run the same command "
                    "again: it continues there."
                ) from exc
            raise
        _move(folder, out_dir)


def require_free(out_dir: Path) -> None:
    """Raise ``OutputError`` unless ``out_dir`` is absent or empty."""
    if out_dir.is_dir() and not any(out_dir.iterdir()):
        return
    if out_dir.exists():
        raise OutputError(f"{out_dir} exists already. Remove it or name another folder.")


def partial_path(out_dir: Path) -> Path:
    """Return where ``out_dir`` is written until it is complete. Raises ``OutputError``."""
    # A path such as "." has no name of its own.
    out_dir = out_dir.resolve()
    if not out_dir.name:
        raise OutputError(f"{out_dir} cannot become a model folder. Name a folder below it.")
    return out_dir.with_name(f"{out_dir.name}.partial")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. The lock is a file outside it, so that the folder can be moved."""
    path = folder.with_name(f"{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        lock.acquire()
    except Timeout as exc:
        raise OutputError(
            f"Another export is writing {folder}. Wait for it, or name another folder."
        ) from exc
    except OSError as exc:
        raise OutputError(f"No folder can be made beside {folder}: {exc}.") from exc
    try:
        yield
    finally:
        # Windows cannot remove an open file, and filelock removes it there.
        with suppress(OSError):
            path.unlink()
        lock.release()


def _keep_only_the_same(folder: Path, job: str) -> None:
    job_path = folder / _JOB_NAME
    if job_path.is_file() and job_path.read_text(encoding="utf-8") == job:
        return
    for path in folder.iterdir():
        path.unlink()
    job_path.write_text(job, encoding="utf-8")


def _is_worth_keeping(folder: Path) -> bool:
    journal = folder / JOURNAL_NAME
    return journal.is_file() and journal.stat().st_size > 0


def _move(folder: Path, out_dir: Path) -> None:
    try:
        for name in (JOURNAL_NAME, _JOB_NAME):
            (folder / name).unlink(missing_ok=True)
        if out_dir.is_dir():
            out_dir.rmdir()
        folder.rename(out_dir)
    except OSError as exc:
        raise OutputError(
            f"{folder} is complete but cannot be moved to {out_dir}: {exc}. Move it there yourself."
        ) from exc
