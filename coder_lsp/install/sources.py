"""What a user may name as the source of a model, told apart by its form."""

import re
from dataclasses import dataclass
from pathlib import Path

from coder_lsp.errors import InstallError
from coder_lsp.paths import expanded

_OLLAMA = "ollama:"
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_EXPECTED = (
    "expected a repository on the hub (OWNER/REPO), a file in one (OWNER/REPO:FILE.gguf), a folder "
    "with a Hugging Face checkpoint, a GGUF file, or a model of Ollama (ollama:NAME:TAG)"
)


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A folder with a Hugging Face checkpoint, or a GGUF file; ``path`` is absolute."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository; ``file`` is the GGUF file in it, None for a Hugging Face checkpoint."""

    repository: str
    file: str | None

    def __str__(self) -> str:
        return self.repository if self.file is None else f"{self.repository}:{self.file}"


@dataclass(frozen=True, slots=True)
class OllamaSource:
    """A model as Ollama names it: ``NAME:TAG``, the name perhaps with registry and namespace."""

    model: str

    def __str__(self) -> str:
        return f"{_OLLAMA}{self.model}"


Source = LocalSource | HubSource | OllamaSource


def parse_source(text: str) -> Source:
    """Return what a text names. What exists here comes first. Raises ``InstallError``."""
    if text.startswith(_OLLAMA):
        return OllamaSource(_with_tag(text.removeprefix(_OLLAMA)))
    if not text or not text.isprintable():
        raise InstallError(f"{text!r} names no model: {_EXPECTED}.")
    path = expanded(text)
    if path.exists():
        # Links stay: what they lead to may be named by a digest.
        return LocalSource(path.absolute())
    repository, colon, file = text.partition(":")
    if _REPOSITORY.fullmatch(repository) is not None:
        if not colon and file_is_gguf(repository):
            raise InstallError(f"There is no file {path}, and no repository has such a name.")
        if not colon:
            return HubSource(repository, None)
        if file_is_gguf(file):
            return HubSource(repository, file)
        raise InstallError(
            f"{file!r} is no GGUF file. Name one in {repository} as {repository}:FILE.gguf, or "
            f"the whole repository as {repository}."
        )
    if path.is_absolute() or file_is_gguf(text) or text.startswith((".", "~")):
        raise InstallError(f"There is no file or folder {path}. Check the path.")
    raise InstallError(f"{text!r} is neither a file, a folder nor a repository: {_EXPECTED}.")


def file_is_gguf(name: str) -> bool:
    """Whether a name is that of a GGUF file."""
    return name.lower().endswith(".gguf")


def _with_tag(model: str) -> str:
    name, slash, last = model.rpartition("/")
    if not re.fullmatch(r"[\w.-]+(:[\w.-]+)?", last, re.ASCII) or (slash and not name):
        raise InstallError(
            f"{_OLLAMA}{model} names no model of Ollama. Write it as 'ollama list' does, such as "
            "ollama:deepseek-coder-v2:16b-lite-base-q4_0."
        )
    return model if ":" in last else f"{model}:latest"
