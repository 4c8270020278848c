"""The server's settings as Emacs' options.

``python -m tests.editors.emacs.settings_file`` writes them into ``coder-lsp-settings.el``.
"""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

from coder_lsp.settings import SETTINGS, Setting

PATH = Path(__file__).parents[3] / "editors" / "emacs" / "coder-lsp-settings.el"

_START = ";; Written by python -m tests.editors.emacs.settings_file\n"
_END = ";; end of what is written\n"
_WIDTH = 76
"""Emacs warns of descriptions wider than 80 columns."""


def expected_text() -> str:
    """Return the file with the server's settings as the server has them."""
    before, rest = PATH.read_text(encoding="utf-8").split(_START)
    _, after = rest.split(_END)
    forms = "".join(_form(setting) for setting in SETTINGS.values())
    return before + _START + forms + _END + after


def _form(setting: Setting) -> str:
    name = setting.field_name.replace("_", "-")
    return (
        f"(coder-lsp-settings-define {name} {lisp(setting.default)}\n"
        f"    '{_type(setting)}\n"
        f"  {lisp(_wrapped(setting.about.doc))})\n"
    )


def _wrapped(doc: str) -> str:
    """Put the first sentence, which Emacs shows alone, on the first line as far as it goes."""
    first, *rest = re.split(r"(?<=[.]) (?=[A-Z])", doc)
    lines = [line for part in (first, " ".join(rest)) for line in textwrap.wrap(part, _WIDTH)]
    return "\n".join(lines)


def _type(setting: Setting) -> str:
    if setting.choices:
        choices = " ".join(f"(const {lisp(choice)})" for choice in setting.choices)
        return f"(choice {choices})"
    return {bool: "boolean", int: "natnum", str: "string"}[setting.kind]


def option_name(key: str) -> str:
    """Return Emacs' name of a setting: ``maxNewTokens`` → ``coder-lsp-max-new-tokens``."""
    return "coder-lsp-" + re.sub(r"(?=[A-Z])", "-", key).lower()


def lisp(value: Any) -> str:
    """Write a value as Emacs reads it; a text without control characters is the same as in JSON."""
    if isinstance(value, bool):
        return "t" if value else "nil"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\\n", "\n")
    return str(value)


if __name__ == "__main__":
    PATH.write_text(expected_text(), encoding="utf-8")
