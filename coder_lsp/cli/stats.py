"""``coder-lsp stats``: how many completions were shown, accepted and rejected here."""

import json
from collections.abc import Mapping

import click

from coder_lsp.paths import usage_path
from coder_lsp.usage.counts import Counts, Usage
from coder_lsp.usage.usage_file import UsageFile

_COLUMNS = ("shown", "accepted", "in part", "rejected", "characters")


@click.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(*, as_json: bool) -> None:
    """Show how many completions were shown, accepted and rejected.

    The counts stay on this machine. The environment variable CODER_LSP_STATE_DIR names another
    folder for them. Running servers write their counts within two seconds.
    """
    path = usage_path()
    try:
        usage, notice = UsageFile(path).read()
    except OSError as exc:
        raise click.ClickException(
            f"{path} cannot be read: {exc}. Change its permissions, or remove it to start again."
        ) from exc
    if notice is not None:
        click.echo(notice, err=True)
    click.echo(json.dumps(usage.to_json(), indent=2) if as_json else _as_text(usage))


def _as_text(usage: Usage) -> str:
    lines = [f"Completions since {usage.since}, counted on this machine only.", ""]
    width = max(len(name) for name in ("language", "editor", *_names(usage)))
    lines += [_line("", _COLUMNS, width), _row("all", usage.total, width)]
    for title, group in (("language", "byLanguage"), ("editor", "byEditor")):
        rows = _by_use(usage.groups[group])
        if rows:
            lines += ["", _line(title, (), width)]
            lines += [_row(name, counts, width) for name, counts in rows]
    return "\n".join(lines)


def _names(usage: Usage) -> list[str]:
    return [*usage.groups["byLanguage"], *usage.groups["byEditor"]]


def _by_use(group: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    return sorted(group.items(), key=lambda row: (-row[1].shown, row[0]))


def _row(name: str, counts: Counts, width: int) -> str:
    return _line(name, tuple(map(str, counts.to_json().values())), width)


def _line(name: str, cells: tuple[str, ...], width: int) -> str:
    return (name.ljust(width) + "".join(cell.rjust(12) for cell in cells)).rstrip()
