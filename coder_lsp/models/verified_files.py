"""Records of model files whose sha256 was right, so that gigabytes are not hashed at each start.

A file is not hashed again while its size and modification time are unchanged.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from coder_lsp.errors import FormatError, ModelFolderError
from coder_lsp.json_input import read_json, structure
from coder_lsp.models.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """A file whose sha256 was right; ``modified`` is in nanoseconds."""

    size: int
    modified: int
    sha256: str


def verify_changed_files(folder: ModelFolder, records: Path) -> None:
    """Check each file that has changed since it was right. Raises ``ModelFolderError``.

    ``records`` is the folder of the records; if it cannot be written, every file is checked.
    """
    # A model may be in a folder that only an administrator can write to.
    name = hashlib.sha256(os.fsencode(folder.path.resolve())).hexdigest()[:16]
    record = records / f"{name}.json"
    known = _read(record)
    found = {name: _verify(folder, name, known.get(name)) for name in folder.manifest.files}
    if found != known:
        _write(record, found)


def _verify(folder: ModelFolder, name: str, known: _Fingerprint | None) -> _Fingerprint:
    entry = folder.manifest.files[name]
    try:
        # Before the file is read, so that a change during the check is noticed the next time.
        status = (folder.path / name).stat()
    except OSError:
        folder.verify_file(name)
        raise ModelFolderError(
            f"{folder.path / name} was removed during the check. Try again."
        ) from None
    fingerprint = _Fingerprint(status.st_size, status.st_mtime_ns, entry.sha256)
    if fingerprint != known or status.st_size != entry.size:
        folder.verify_file(name)
    return fingerprint


def _read(record: Path) -> dict[str, _Fingerprint]:
    with contextlib.suppress(OSError, FormatError):
        known: dict[str, _Fingerprint] = structure(
            read_json(record), dict[str, _Fingerprint], str(record)
        )
        return known
    return {}


def _write(record: Path, found: dict[str, _Fingerprint]) -> None:
    text = json.dumps({name: asdict(fingerprint) for name, fingerprint in found.items()})
    # A file without a record is checked again, and two servers write the same.
    with contextlib.suppress(OSError):
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = record.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(record)
