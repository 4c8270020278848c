"""A repository of the hub, as far as installing is concerned; nothing here opens a connection."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any

from coder_lsp.errors import InstallError
from coder_lsp.install.sources import file_is_gguf
from coder_lsp.json_input import Check
from coder_lsp.paths import is_file_name

DEFAULT_REVISION = "main"
WEIGHTS_SUFFIX = ".safetensors"
INDEX_NAME = "model.safetensors.index.json"
CARD_NAME = "README.md"
UNKNOWN_LICENSE = "unknown"

_SINGLE = "model.safetensors"
_WANTED = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    CARD_NAME,
    "LICENSE*",
    "*.safetensors",
    INDEX_NAME,
)
"""Of the files at a repository's top. Code and pickles are neither needed nor fetched."""

_PART = re.compile(r"(?P<stem>.*)-\d{5}-of-(?P<count>\d{5})\.gguf", re.ASCII)
_MAX_PARTS = 1000
_MAX_LISTED = 8

# The commits are those that caches and test suites in public repositories name. If the hub does not
# know one, the message says so, and `--revision` overrides it.
PINNED_COMMITS = MappingProxyType(
    {
        "deepseek-ai/DeepSeek-Coder-V2-Lite-Base": "e5e79b92c85f8f9182ec006b575483227201fd5e",
        "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct": "e434a23f91ba5b4923cf6c9d9a238eb4a08e3a11",
        "deepseek-ai/deepseek-coder-1.3b-base": "c919139c3a9b4070729c8b2cca4847ab29ca8d94",
        "deepseek-ai/deepseek-coder-6.7b-base": "ce2207a8bfef3ee92bd7dd4cc31c52cfa0046912",
    }
)


def is_safe_path(name: str) -> bool:
    """Whether a file's name in a repository is made of plain names, on Windows too."""
    return all(is_file_name(part) and part not in {".", ".."} for part in name.split("/"))


_SafePath = Annotated[str, Check("a path in a repository", is_safe_path)]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a commit. ``sha256`` is that of its content, where the hub keeps it as LFS.

    ``git_oid`` is git's own sha1 of the content (of an LFS file: of the pointer to it).
    """

    name: _SafePath
    size: int
    sha256: str | None
    git_oid: str

    @property
    def digest(self) -> str:
        """What identifies the content: its sha256 where that is known, else git's sha1."""
        return self.sha256 or self.git_oid

    @property
    def local_name(self) -> str:
        """The name that the file has in the download's folder, which has no folders in it."""
        return PurePosixPath(self.name).name

    @property
    def is_weights(self) -> bool:
        """Whether it is one of the large files."""
        return self.name.endswith(WEIGHTS_SUFFIX) or file_is_gguf(self.name)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit; ``files`` are those that an export needs."""

    id: str
    commit: str
    license: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def weights(self) -> tuple[RemoteFile, ...]:
        """The large files, in order."""
        return tuple(file for file in self.files if file.is_weights)


def is_wanted(name: str) -> bool:
    """Whether a file of a repository is needed; those in folders are not."""
    return any(fnmatchcase(name, pattern) for pattern in _WANTED) and "/" not in name


def select_checkpoint(repository_id: str, files: tuple[RemoteFile, ...]) -> tuple[RemoteFile, ...]:
    """Return the files of a Hugging Face checkpoint, the small ones first.

    Raises ``InstallError`` if what an export cannot do without is not among them.
    """
    wanted = _checked(repository_id, [file for file in files if is_wanted(file.name)])
    names = {file.name for file in wanted}
    missing = sorted({"config.json", "tokenizer.json"} - names)
    if not any(name.endswith(WEIGHTS_SUFFIX) for name in names):
        missing.append("*.safetensors")
    if missing:
        raise InstallError(
            f"{repository_id} holds no {' and no '.join(missing)}, so it is no Hugging Face "
            f"checkpoint in safetensors. {_instead(repository_id, files)}"
        )
    if _SINGLE in names and INDEX_NAME not in names:
        # The same weights may be there in another layout, as consolidated.safetensors for example.
        return tuple(f for f in wanted if not f.is_weights or f.name == _SINGLE)
    return wanted


def select_gguf(
    repository_id: str, files: tuple[RemoteFile, ...], name: str
) -> tuple[RemoteFile, ...]:
    """Return a GGUF file, the other parts if it is split, and the model card; small ones first.

    Raises ``InstallError``.
    """
    by_name = {file.name: file for file in files}
    missing = [part for part in part_names(name) if part not in by_name]
    if missing:
        raise InstallError(
            f"{repository_id} holds no file {missing[0]}. {_instead(repository_id, files)}"
        )
    card = [by_name[CARD_NAME]] if CARD_NAME in by_name else []
    return _checked(repository_id, [*card, *(by_name[part] for part in part_names(name))])


def part_names(name: str) -> tuple[str, ...]:
    """Return the names of all parts of a GGUF model of which one part, or the only one, is named.

    Raises ``InstallError``.
    """
    match = _PART.fullmatch(name)
    if match is None:
        return (name,)
    count = int(match["count"])
    if not 1 <= count <= _MAX_PARTS:
        raise InstallError(f"{name} says that there are {count} parts, which cannot be.")
    return tuple(
        f"{match['stem']}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)
    )


def is_first_part(name: str) -> bool:
    """Whether a name is that of a GGUF file that stands for a whole model."""
    is_part = _PART.fullmatch(name) is not None
    return file_is_gguf(name) and (not is_part or "-00001-of-" in name)


def restrict_to_index(
    repository: Repository, weight_map: Mapping[str, Any]
) -> tuple[RemoteFile, ...]:
    """Return the files without the weights that the index of the shards does not name.

    Raises ``InstallError`` if the repository lacks one that it does name.
    """
    named = {shard for shard in weight_map.values() if isinstance(shard, str)}
    names = {file.name for file in repository.files}
    missing = sorted(named - names)
    if missing or not named:
        raise InstallError(
            f"{repository.id}: {INDEX_NAME} names "
            + (f"{missing[0]!r}, which is not there." if missing else "no file.")
            + " The repository is not complete. Choose another one, or another --revision."
        )
    return tuple(f for f in repository.files if not f.is_weights or f.name in named)


def plain_license(license_: object) -> str:
    """Return a licence's name as it can be shown; what is no short plain text is ``unknown``."""
    if not isinstance(license_, str):
        return UNKNOWN_LICENSE
    text = license_.strip()
    is_name = re.fullmatch(r"\w[\w .,+()/&-]{0,99}", text)
    return text if is_name else UNKNOWN_LICENSE


def _checked(repository_id: str, files: list[RemoteFile]) -> tuple[RemoteFile, ...]:
    for file in files:
        if not is_safe_path(file.name):
            raise InstallError(
                f"{repository_id} holds a file named {file.name!r}, which would be written "
                "elsewhere on some systems. Do not trust this repository."
            )
        if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", file.digest):
            raise InstallError(
                f"The hub names no checksum of {file.name} in {repository_id} (found "
                f"{file.digest[:80]!r}), so damage could not be noticed. Try another hub."
            )
    # What the small files tell may spare a user the large ones.
    return tuple(sorted(files, key=lambda file: (file.is_weights, file.size, file.name)))


def _instead(repository_id: str, files: tuple[RemoteFile, ...]) -> str:
    names = [file.name for file in files if is_first_part(file.name) and is_safe_path(file.name)]
    if not names:
        return "Choose a repository with safetensors files or a GGUF file."
    shown = ", ".join(names[:_MAX_LISTED]) + (", …" if len(names) > _MAX_LISTED else "")
    return f"It holds GGUF files. Name one, such as {repository_id}:{names[0]}. They are: {shown}."
