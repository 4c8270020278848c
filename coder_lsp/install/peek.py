"""The small files of a repository, and the heads of its GGUF files, looked at before a download.

They are written to a temporary folder: the user's own folders stay as they are until the user has
agreed.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coder_lsp.errors import InstallError
from coder_lsp.install.hub import Hub
from coder_lsp.install.repository import RemoteFile, Repository

_MAX_SMALL_BYTES = 256 << 20
_HEAD_BYTES = 32 << 20
"""Of a GGUF file: its tokenizer is in front of the tensors, and takes some megabytes."""


@contextmanager
def peeked(hub: Hub, repository: Repository, name: str) -> Iterator[Path]:
    """Yield a temporary folder called ``name`` with what an inspection reads.

    Raises ``InstallError``.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="coder-lsp-", ignore_cleanup_errors=True) as home:
            folder = Path(home) / name
            folder.mkdir()
            for file in repository.files:
                if file.name.endswith(".safetensors"):
                    continue
                _peek(hub, repository, file, folder / file.local_name)
            yield folder
    except OSError as exc:
        raise InstallError(
            f"The folder for temporary files cannot be written: {exc}. Free some space there."
        ) from exc


def _peek(hub: Hub, repository: Repository, file: RemoteFile, path: Path) -> None:
    if not file.is_weights and file.size > _MAX_SMALL_BYTES:
        raise InstallError(f"{repository.id}: {file.name} has {file.size} bytes, too many.")
    with path.open("w+b") as target:
        limit = _HEAD_BYTES if file.is_weights else file.size
        with contextlib.suppress(_Enough):
            hub.fetch(repository, file, _Head(target, limit), 0)  # type: ignore[arg-type]
        # The rest are holes: a reader of headers checks only that there is room for the tensors.
        target.truncate(file.size)


class _Enough(Exception):
    """What is wanted of a file has come."""


class _Head(io.RawIOBase):
    """A file that takes so many bytes and no more."""

    def __init__(self, file: io.BufferedRandom, limit: int) -> None:
        self._file = file
        self._limit = limit

    def write(self, chunk: bytes) -> int:  # type: ignore[override]
        room = self._limit - self._file.tell()
        written = self._file.write(chunk[:room])
        if len(chunk) > room or self._file.tell() == self._limit:
            raise _Enough
        return written

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)
