"""A repository of the hub, as far as installing is concerned; nothing here opens a connection."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from coder_lsp.errors import InstallError

DEFAULT_REVISION = "main"
WEIGHTS_SUFFIX = ".safetensors"

_WANTED = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "README.md",
    "LICENSE*",
    "*.safetensors",
    "model.safetensors.index.json",
)
"""Of the files at a repository's top. Code and pickles are neither needed nor fetched."""

_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)

# The commits are those that caches and test suites in public repositories name; what a hub does not
# know is refused with a remedy, and `--revision` overrides.
PINNED_COMMITS = MappingProxyType(
    {
        "deepseek-ai/DeepSeek-Coder-V2-Lite-Base": "e5e79b92c85f8f9182ec006b575483227201fd5e",
        "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct": "e434a23f91ba5b4923cf6c9d9a238eb4a08e3a11",
        "deepseek-ai/deepseek-coder-1.3b-base": "c919139c3a9b4070729c8b2cca4847ab29ca8d94",
        "deepseek-ai/deepseek-coder-6.7b-base": "ce2207a8bfef3ee92bd7dd4cc31c52cfa0046912",
    }
)

INSTRUCT_NOTE = (
    "This is an instruct model: it was trained further to answer in a chat, and users of other "
    "programs tell of chat where a completion should be. For completion take the base model of the "
    "same name."
)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a commit. ``sha256`` is that of its content, where the hub keeps it as LFS.

    ``git_oid`` is git's own sha1 of the content (of an LFS file: of the pointer to it).
    """

    name: str
    size: int
    sha256: str | None
    git_oid: str

    @property
    def digest(self) -> str:
        """What identifies the content: its sha256 where that is known, else git's sha1."""
        return self.sha256 or self.git_oid


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit; ``files`` are those that an export needs."""

    id: str
    commit: str
    license: str
    files: tuple[RemoteFile, ...]

    @property
    def name(self) -> str:
        """The part after the owner's name."""
        return self.id.partition("/")[2]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def check_id(repository_id: str) -> str:
    """Return the id of a repository. Raises ``InstallError`` when it cannot be one."""
    if _ID.fullmatch(repository_id) is None:
        raise InstallError(
            f"{repository_id!r} is neither a folder here nor a repository: expected OWNER/NAME, "
            "such as deepseek-ai/DeepSeek-Coder-V2-Lite-Base, or the path of a folder with "
            "config.json, tokenizer.json and safetensors files."
        )
    return repository_id


def is_wanted(name: str) -> bool:
    """Whether a file of a repository is needed; those in folders are not."""
    return any(fnmatchcase(name, pattern) for pattern in _WANTED) and "/" not in name


def select_files(repository_id: str, files: tuple[RemoteFile, ...]) -> tuple[RemoteFile, ...]:
    """Return the wanted files, small ones first: what they tell may spare fetching the rest.

    Raises ``InstallError`` when what an export cannot do without is not among them.
    """
    wanted = tuple(sorted((f for f in files if is_wanted(f.name)), key=lambda f: (f.size, f.name)))
    names = {file.name for file in wanted}
    missing = sorted({"config.json", "tokenizer.json"} - names)
    if not any(name.endswith(WEIGHTS_SUFFIX) for name in names):
        missing.append("*.safetensors")
    if missing:
        raise InstallError(
            f"{repository_id} holds no {' and no '.join(missing)}, so it cannot be exported. "
            "Choose a repository with a Hugging Face checkpoint in safetensors; GGUF files are of "
            "no use here."
        )
    return wanted


def notes_on(name: str) -> tuple[str, ...]:
    """Return what a user should know of a model before fetching it."""
    is_instruct = re.search(r"(?i)\b(instruct|chat)\b", name) is not None
    return (INSTRUCT_NOTE,) if is_instruct else ()
