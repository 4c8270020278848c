"""Pictures of a terminal for the documentation."""

import os
import re
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from tests.editors.support.terminal import Terminal

ENVIRONMENT_VARIABLE = "CODER_LSP_CAPTURES"
"""Names the folder to which tests save pictures; they save none when it is not set."""


# rich has the picture load a font from a server of others; one of the reader's own will do.
_FONT_LOADED = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
_FONTS = "Fira Code, Menlo, Consolas, Liberation Mono, DejaVu Sans Mono, monospace"
_FORMAT = _FONT_LOADED.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code, monospace", _FONTS)


def save_capture(terminal: Terminal, name: str, title: str) -> None:
    """Save the screen as ``NAME.svg`` in the folder of captures, if one is wanted."""
    folder = os.environ.get(ENVIRONMENT_VARIABLE)
    if not folder:
        return
    # One decoder for all lines: a colour that goes on in the next line is not said again.
    screen = Text("\n").join(AnsiDecoder().decode(terminal.picture().rstrip("\n")))
    width = max(line.cell_len for line in screen.split("\n", allow_blank=True))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True)
        console.print(screen, no_wrap=True)
    path = Path(folder) / f"{name}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(path), title=title, code_format=_FORMAT, unique_id=name)
