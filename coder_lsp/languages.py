"""Facts about programming languages, by LSP language id and by file extension."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

BlockStyle = Literal["indent", "braces"]


@dataclass(frozen=True, slots=True)
class Language:
    """``line_comment`` is None where a language has only bracketed comments or none."""

    id: str
    line_comment: str | None
    block_style: BlockStyle
    extensions: tuple[str, ...]


LANGUAGES = (
    Language("python", "#", "indent", (".py", ".pyi")),
    Language("typescript", "//", "braces", (".ts", ".mts", ".cts")),
    Language("typescriptreact", "//", "braces", (".tsx",)),
    Language("javascript", "//", "braces", (".js", ".mjs", ".cjs")),
    Language("javascriptreact", "//", "braces", (".jsx",)),
    Language("go", "//", "braces", (".go",)),
    Language("rust", "//", "braces", (".rs",)),
    Language("c", "//", "braces", (".c", ".h")),
    Language("cpp", "//", "braces", (".cc", ".cpp", ".cxx", ".hpp", ".hh")),
    Language("csharp", "//", "braces", (".cs",)),
    Language("java", "//", "braces", (".java",)),
    Language("kotlin", "//", "braces", (".kt", ".kts")),
    Language("swift", "//", "braces", (".swift",)),
    Language("php", "//", "braces", (".php",)),
    Language("ruby", "#", "indent", (".rb",)),
    Language("lua", "--", "indent", (".lua",)),
    Language("shellscript", "#", "indent", (".sh", ".bash", ".zsh")),
    Language("yaml", "#", "indent", (".yaml", ".yml")),
    Language("toml", "#", "indent", (".toml",)),
    Language("sql", "--", "indent", (".sql",)),
    Language("html", None, "indent", (".html", ".htm")),
    Language("css", None, "braces", (".css", ".scss", ".less")),
    Language("json", None, "braces", (".json",)),
    Language("markdown", None, "indent", (".md",)),
)

PLAIN_TEXT = Language("plaintext", None, "indent", (".txt",))

_BY_ID = {language.id: language for language in LANGUAGES}
_BY_EXTENSION = {ext: language for language in LANGUAGES for ext in language.extensions}


def language_by_id(language_id: str) -> Language:
    """Return the language an editor named, ``PLAIN_TEXT`` when it is not known."""
    return _BY_ID.get(language_id, PLAIN_TEXT)


def language_of_path(path: PurePath) -> Language:
    """Return the language of a file's extension, ``PLAIN_TEXT`` when it is not known."""
    return _BY_EXTENSION.get(path.suffix.lower(), PLAIN_TEXT)
