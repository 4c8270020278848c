"""Options that several subcommands share: they start from the default settings and change some."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from coder_lsp.settings import BackendName, Settings

Command = TypeVar("Command", bound=Callable[..., Any])

model_option = click.option(
    "--model",
    default="",
    metavar="NAME|DIR",
    help="An installed model or a model folder instead of the embedded one.",
)
_BACKEND = click.option(
    "--backend",
    type=click.Choice(get_args(BackendName)),
    default=None,
    help="Who completes: the model inside (local), or a script.",
)
_SCRIPT = click.option(
    "--script", default="", metavar="FILE", help="JSON from which the scripted backend answers."
)


def backend_options(command: Command) -> Command:
    """Give a command ``--model``, ``--backend`` and ``--script``."""
    return model_option(_BACKEND(_SCRIPT(command)))


def backend_settings(model: str, backend: BackendName | None, script: str) -> Settings:
    """Return the default settings with these changes; ``--script`` alone implies its backend."""
    chosen: BackendName = backend or ("scripted" if script else "local")
    return dataclasses.replace(Settings(), model=model, backend=chosen, script=script)
