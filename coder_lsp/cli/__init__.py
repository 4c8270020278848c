"""The coder-lsp command; the only package that prints.

Each subcommand is a module of its own and is imported when it is run: an editor waits for
``coder-lsp serve``, which must not import what only the others need.
"""

import importlib
from typing import cast

import click

from coder_lsp import __version__
from coder_lsp.cli.output import printable, tolerate_narrow_encodings
from coder_lsp.errors import CoderError

_COMMANDS = ("serve", "complete", "models", "install", "cache", "stats", "doctor", "demo")


class _CommandGroup(click.Group):
    """Finds a subcommand in the module of its name, and prints our own errors as one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"coder_lsp.cli.{cmd_name}")
        return cast("click.Command", module.command)

    def invoke(self, ctx: click.Context) -> object:
        try:
            tolerate_narrow_encodings()
            return super().invoke(ctx)
        except CoderError as exc:
            raise click.ClickException(printable(str(exc))) from exc


@click.group(cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="coder-lsp")
def main() -> None:
    """Complete code in the middle of a file, with the model inside."""
