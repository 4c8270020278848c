"""Pictures of a terminal for the documentation."""

import os
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.editors.support.terminal import Terminal

ENVIRONMENT_VARIABLE = "CODER_LSP_CAPTURES"
"""Names the folder to which tests save pictures; they save none when it is not set."""


def save_capture(terminal: Terminal, name: str, title: str) -> None:
    """Save the screen as ``NAME.svg`` in the folder of captures, if one is wanted."""
    folder = os.environ.get(ENVIRONMENT_VARIABLE)
    if not folder:
        return
    lines = terminal.screen_with_colours().rstrip("\n").split("\n")
    screen = Text("\n").join(Text.from_ansi(line) for line in lines)
    width = max(line.cell_len for line in screen.split("\n", allow_blank=True))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True)
        console.print(screen, no_wrap=True)
    console.save_svg(str(Path(folder) / f"{name}.svg"), title=title)
