"""``coder-lsp complete``: one completion, without an editor."""

import dataclasses
import json

import click

from coder_lsp.backends.create import create_backend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.cli.options import backend_options, backend_settings
from coder_lsp.cli.place import Place, parse_place, read_snapshot
from coder_lsp.completion.completion import Completion
from coder_lsp.completion.generation import complete
from coder_lsp.generation import GenerationOptions
from coder_lsp.request import Request
from coder_lsp.settings import BackendName, Settings

UNHURRIED_MS = 600_000
"""The user waits here for the answer to the whole window, however slow the machine is."""


@click.command("complete")
@click.argument("place", callback=parse_place, metavar="FILE:LINE:COLUMN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all figures.")
@click.option("--raw", is_flag=True, help="Print the model's own text, before any rule.")
@click.option(
    "--max-new-tokens",
    type=click.IntRange(min=1),
    default=Settings().max_new_tokens,
    show_default=True,
    help="Maximum number of tokens to generate.",
)
@backend_options
def command(
    *,
    place: Place,
    as_json: bool,
    raw: bool,
    max_new_tokens: int,
    model: str,
    backend: BackendName | None,
    script: str,
) -> None:
    """Complete FILE at LINE and COLUMN, both counted from 1, columns in characters."""
    settings = dataclasses.replace(
        backend_settings(model, backend, script),
        max_new_tokens=max_new_tokens,
        time_budget_ms=UNHURRIED_MS,
    )
    request = Request(
        snapshot=read_snapshot(place),
        options=GenerationOptions(max_new_tokens=settings.max_new_tokens),
        multiline=settings.multiline,
        raw=raw,
    )
    chosen = create_backend(settings)
    for notice in chosen.notices:
        click.echo(notice, err=True)
    completion = complete(request, chosen, CancellationToken())
    if as_json:
        click.echo(json.dumps(completion_as_json(completion), indent=2))
    else:
        _print_text(completion)


def completion_as_json(completion: Completion) -> dict[str, object]:
    """Return the fields that ``--json`` promises, in their order."""
    return {
        "completion": completion.text,
        "raw": completion.raw,
        "finish_reason": completion.finish_reason,
        "num_prompt_tokens": completion.usage.num_prompt_tokens,
        "num_cached_tokens": completion.usage.num_cached_tokens,
        "num_generated_tokens": completion.usage.num_generated_tokens,
        "time_to_first_token_ms": completion.time_to_first_token_ms,
        "total_ms": completion.total_ms,
        "mean_logprob": completion.mean_logprob,
        "refused_by": completion.refused_by,
        "model": completion.model,
    }


def _print_text(completion: Completion) -> None:
    if completion.text:
        # As bytes: a Windows pipe would otherwise encode it in the machine's own code page.
        click.echo(completion.text.encode("utf-8"))
    elif completion.refused_by is not None:
        click.echo(f"Nothing to show: the rule {completion.refused_by!r} refused it.", err=True)
    else:
        click.echo("Nothing to show: the model ended at once.", err=True)
