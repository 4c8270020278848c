"""Installs editors into a folder of their own and prints what starts each.

Without names all that have a script here. What is there already is left as it is. The system's apt
configuration is not touched; ``CODER_LSP_EDITORS_DIR`` names another folder than the user's cache.
"""

import sys

import click

from testing.errors import InstallationError
from tests.editors.install import programs


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Install the named programs, or all."""
    for name in names or programs.names():
        try:
            program = programs.installed(name)
        except InstallationError as exc:
            sys.exit(f"{name}: {exc}")
        click.echo(f"{name}: {program}")


main()
