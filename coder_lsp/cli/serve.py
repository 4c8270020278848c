"""``coder-lsp serve``: the language server, as an editor starts it."""

import dataclasses
from typing import get_args

import click

from coder_lsp.cli.options import backend_options, backend_settings
from coder_lsp.lsp.app import serve_stdio, serve_tcp
from coder_lsp.settings import BackendName, LogLevel

_HIGHEST_PORT = 65535


def _parse_address(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    """Parse ``HOST:PORT`` as click's callback; an IPv6 host may be in brackets."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _HIGHEST_PORT:
        expected = "expected HOST:PORT such as 127.0.0.1:2087"
        raise click.BadParameter(f"{expected}; found {value!r}", ctx, param)
    return host.removeprefix("[").removesuffix("]"), int(port)


@click.command("serve")
@click.option("--stdio", is_flag=True, help="Speak on stdio, which is the default.")
@click.option(
    "--tcp",
    metavar="HOST:PORT",
    callback=_parse_address,
    help="Listen here instead of on stdio; for debugging.",
)
@click.option(
    "--log-level",
    type=click.Choice(get_args(LogLevel)),
    default="warning",
    show_default=True,
    help="How much is written to the log on standard error.",
)
@backend_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    stdio: bool,
    tcp: tuple[str, int] | None,
    log_level: LogLevel,
    model: str,
    backend: BackendName | None,
    script: str,
) -> None:
    """Speak the Language Server Protocol on stdin and stdout.

    The options are defaults: settings that the editor sends take precedence.
    """
    if stdio and tcp is not None:
        raise click.UsageError("Choose one of --stdio and --tcp.")
    settings = dataclasses.replace(backend_settings(model, backend, script), log_level=log_level)
    ctx.exit(serve_stdio(settings) if tcp is None else serve_tcp(settings, *tcp))
