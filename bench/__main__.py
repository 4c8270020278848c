"""``python -m bench``: each command is a module of this package and is imported when it is run.

The commands need different things (torch, gguf, a peer), which not every environment has.
"""

import importlib
import types
from typing import cast

import click

from bench.errors import BenchError
from coder_lsp.errors import CoderError

_MODULES = types.MappingProxyType(
    {
        "decode": "bench.decode.command",
        "exactness": "bench.exactness",
        "export": "bench.export",
        "gguf": "bench.gguf_command",
        "gguf-agreement": "bench.gguf_agreement",
        "gpu": "bench.gpu.command",
        "infilling": "bench.infilling",
        "opening": "bench.opening",
        "install": "bench.install.llama_server",
        "keystrokes": "bench.keystrokes",
        "ladder": "bench.ladder",
        "long-context": "bench.long_context",
        "lookup": "bench.lookup.command",
        "order": "bench.order.command",
        "real-models": "bench.real_models.command",
        "restart": "bench.restart",
        "rounding": "bench.rounding.command",
        "server": "bench.server",
        "soak": "bench.soak",
        "stopping": "bench.stopping",
        "tables": "bench.tables.command",
        "tokenization": "bench.tokenization",
        "traces": "bench.make_traces",
    }
)


class _CommandGroup(click.Group):
    """Finds a command in its module; tells our own errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _MODULES:
            return None
        return cast("click.Command", importlib.import_module(_MODULES[cmd_name]).command)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BenchError, CoderError) as exc:
            raise click.ClickException(str(exc)) from exc


@click.group(cls=_CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure coder-lsp; bench/README.md says what each number means."""


if __name__ == "__main__":
    main(prog_name="python -m bench")
