"""How the demonstration is shown: drawn in a terminal, or as plain lines in a pipe."""

import json
from dataclasses import dataclass
from typing import Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from coder_lsp.documents.document import DocumentSnapshot

_TAB_WIDTH = 4
_LINES_BEFORE = 10
_LINES_AFTER = 6


@dataclass(frozen=True, slots=True)
class Keystroke:
    """The document, the ghost text and its figures after one character was typed."""

    document: DocumentSnapshot
    path: str
    ghost_text: str
    figures: str


class Display(Protocol):
    """Shows the demonstration."""

    def say(self, sentence: str) -> None:
        """Show a sentence about the progress."""
        ...

    def show(self, keystroke: Keystroke) -> None:
        """Show the document after a keystroke."""
        ...


class PlainDisplay:
    """One line for each keystroke, and one for each completion shown."""

    def say(self, sentence: str) -> None:
        """Print the sentence."""
        click.echo(sentence)

    def show(self, keystroke: Keystroke) -> None:
        """Print the line up to the cursor with the figures, then the ghost text as JSON."""
        typed = json.dumps(keystroke.document.line_prefix.lstrip(), ensure_ascii=False)
        click.echo(f"typed: {typed} ({keystroke.figures})")
        if keystroke.ghost_text:
            click.echo(f"ghost: {json.dumps(keystroke.ghost_text)}")


class TerminalDisplay:
    """Draws the code around the cursor, with the ghost text in it, at each keystroke."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def say(self, sentence: str) -> None:
        """Print the sentence above the code."""
        self._console.print(Text(sentence, style="bold"))

    def show(self, keystroke: Keystroke) -> None:
        """Draw the code, and the figures below it."""
        panel = Panel(draw_code(keystroke), title=keystroke.path, title_align="left")
        figures = Text(keystroke.figures, style="cyan")
        self._live.update(Group(panel, figures), refresh=True)


def draw_code(keystroke: Keystroke) -> Text:
    """Return the highlighted lines around the cursor with the ghost text, dim, in their midst."""
    document = keystroke.document
    before = document.prefix.replace("\r", "").split("\n")[-_LINES_BEFORE:]
    after = document.suffix.replace("\r", "").split("\n")[:_LINES_AFTER]
    # Pygments would expand the tabs itself, and the cursor would no longer be where we think.
    prefix = "\n".join(before).expandtabs(_TAB_WIDTH)
    suffix = "\n".join(after).expandtabs(_TAB_WIDTH)
    code = Syntax("", document.language_id, theme="ansi_dark").highlight(prefix + suffix)
    ghost = Text(keystroke.ghost_text.expandtabs(_TAB_WIDTH), style="dim italic")
    cursor = Text("▏", style="bold")
    return Text.assemble(code[: len(prefix)], cursor, ghost, code[len(prefix) :])
