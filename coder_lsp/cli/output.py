"""Printing text that comes from outside: names, licences, messages and what a model wrote."""

import sys

import click


def say(text: str, *, err: bool = False) -> None:
    """Print lines of text; control characters are shown as escapes and do nothing.

    A repository could otherwise repaint the question whether you accept its licence.
    """
    click.echo(printable(text), err=err)


def printable(text: str) -> str:
    """Return the text with every character escaped that is neither shown nor white space."""
    return "".join(map(_shown, text))


def tolerate_narrow_encodings() -> None:
    """Let characters that the terminal's or the pipe's encoding lacks be printed as escapes.

    The encoding of a pipe on Windows is often cp1252.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _shown(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
