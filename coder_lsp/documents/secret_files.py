"""Which files look like secrets: nothing of them is kept on disk or shown to another document.

A file is judged by its name and folders alone, never by its content. So an ordinary file may be
taken for a secret, which costs a slower completion, and a secret with an ordinary name is not
found. The names are in ``secret_files.toml``.
"""

import functools
import itertools
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import PurePosixPath
from urllib.parse import unquote

_COPY = re.compile(r"(~|\.(bak|backup|old|orig|save|swp|copy|dist|example|sample|template))+$")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class _Names:
    """The content of ``secret_files.toml``."""

    patterns: tuple[str, ...]
    folders: frozenset[str]
    words: frozenset[str]
    words_of_data: frozenset[str]
    sources: frozenset[str]


def looks_secret(uri: str) -> bool:
    """Whether the name of a file, or of a folder on the way to it, is one of secrets.

    Takes a URI or a path, with either kind of slash; case does not matter.
    """
    known = _names()
    path = PurePosixPath(unquote(uri).replace("\\", "/"))
    for folder in path.parts[:-1]:
        if folder.lower() in known.folders or _words(folder) & known.words:
            return True
    name = _COPY.sub("", path.name)
    words, suffix = _words(name), name.rpartition(".")[2].lower()
    if words & known.words or (words & known.words_of_data and suffix not in known.sources):
        return True
    return any(fnmatchcase(name.lower(), pattern) for pattern in known.patterns)


@functools.cache
def _names() -> _Names:
    content = files("coder_lsp.documents").joinpath("secret_files.toml").read_text("utf-8")
    found = tomllib.loads(content)
    others = {name: frozenset(values) for name, values in found["others"].items()}
    return _Names(tuple(itertools.chain.from_iterable(found["names"].values())), **others)


def _words(name: str) -> set[str]:
    """Return the words of a name: of ``dbSecret.yaml``, ``db-secret.yaml`` and ``DB_SECRET``."""
    words = [word.lower() for word in _WORD.findall(name)]
    return {*words, *map("".join, itertools.pairwise(words))}
