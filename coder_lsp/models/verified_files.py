"""Which files of a model were found right before: gigabytes are not hashed at each start.

A file is taken for the one that was right as long as its size and the time of its last change are
those of then. ``coder-lsp doctor`` and ``coder-lsp models`` hash everything all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from coder_lsp.errors import ModelFolderError

if TYPE_CHECKING:
    from pathlib import Path

    from coder_lsp.models.model_folder import ModelFolder

Fingerprint = list[Any]
"""Size, time of the last change in nanoseconds, and the sha256 that was found right."""


def verify_changed_files(folder: ModelFolder, records: Path) -> None:
    """Check each file that is not as it was when it was found right. Raises ``ModelFolderError``.

    ``records`` is a folder for what is remembered; where it cannot be written, all is checked.
    """
    # Models may lie where only an administrator writes, so what is remembered lies elsewhere.
    name = hashlib.sha256(os.fsencode(folder.path.resolve())).hexdigest()[:16]
    record = records / f"{name}.json"
    known = _read(record)
    found = {name: _verify(folder, name, known.get(name)) for name in folder.manifest.files}
    if found != known:
        _write(record, found)


def _verify(folder: ModelFolder, name: str, known: Fingerprint | None) -> Fingerprint:
    entry = folder.manifest.files[name]
    try:
        # Before the file is read: a change meanwhile shall be seen the next time.
        status = (folder.path / name).stat()
    except OSError:
        folder.verify_file(name)
        raise ModelFolderError(f"{folder.path / name} comes and goes. Try again.") from None
    fingerprint = [status.st_size, status.st_mtime_ns, entry.sha256]
    if fingerprint != known or status.st_size != entry.size:
        folder.verify_file(name)
    return fingerprint


def _read(record: Path) -> dict[str, Fingerprint]:
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(record.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            return document
    return {}


def _write(record: Path, found: dict[str, Fingerprint]) -> None:
    # What cannot be remembered is checked again, and two servers write the same.
    with contextlib.suppress(OSError):
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = record.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(found), encoding="utf-8")
        temporary.replace(record)
