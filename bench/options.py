"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.errors import BenchError
from testing.errors import InstallationError
from testing.mini_weights import MINI_DEFAULT, MINI_VARIABLE, mini_hf_folder


def mini_option(flag: str) -> Callable[[Any], Any]:
    """Return the option for mini's Hugging Face folder; the command gets it as ``hf_dir``."""
    return click.option(
        flag,
        "hf_dir",
        envvar=MINI_VARIABLE,
        callback=find_mini,
        help=f"Hugging Face folder of mini; also {MINI_VARIABLE}. Default: {MINI_DEFAULT}.",
    )


def find_mini(_: click.Context, __: click.Parameter, named: str | None) -> Path:
    """Return the model that is named, else mini's folder. Raises ``BenchError``."""
    try:
        return mini_hf_folder(named)
    except InstallationError as exc:
        raise BenchError(str(exc)) from exc
