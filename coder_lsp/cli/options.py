"""Options that several subcommands share. They change some of the default settings."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from coder_lsp.paths import expanded
from coder_lsp.settings import BackendName, Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def parse_model(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Return the setting for a typed model, as click's callback: paths become absolute.

    A name without a separator stays a name, also if there is a folder of that name here.
    """
    del ctx, param
    has_separator = any(separator in value for separator in {"/", os.sep})
    return str(Path(os.path.abspath(expanded(value)))) if has_separator else value  # noqa: PTH100 (links stay)


model_option = click.option(
    "--model",
    default="",
    callback=parse_model,
    metavar="NAME|DIR",
    help="An installed model, or a model folder such as ./DIR, instead of the default model.",
)
_BACKEND = click.option(
    "--backend",
    type=click.Choice(get_args(BackendName)),
    default=None,
    help="Where completions come from: the model inside (local), or a script.",
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
