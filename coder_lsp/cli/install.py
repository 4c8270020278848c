"""``coder-lsp install``: from a repository or a folder of weights to an installed model."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from coder_lsp.engine.device.hardware import inspect_hardware
from coder_lsp.engine.device.memory import size_text
from coder_lsp.engine.device.providers import machine_problem
from coder_lsp.errors import InstallError, RuntimeMissing
from coder_lsp.install.export_process import ExportProgress, Precision, Target
from coder_lsp.install.hub import Hub
from coder_lsp.install.installation import (
    OnProgress,
    Plan,
    Request,
    carry_out,
    is_installed,
    make_plan,
)
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.paths import models_path

TargetOption = Literal["auto", "cpu", "cuda"]


@click.command("install")
@click.argument("source", metavar="REPOSITORY|FOLDER")
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    default="int4",
    show_default=True,
    help="How weights are stored.",
)
@click.option(
    "--target",
    type=click.Choice(get_args(TargetOption)),
    default="auto",
    show_default=True,
    help="Whose kernels the graph is made for; auto: cuda where a GPU can be used, else cpu.",
)
@click.option("--revision", default=None, help="Branch, tag or commit; default: the known commit.")
@click.option("--name", default=None, help="The model's name here; default: NAME-PRECISION.")
@click.option("--keep-download", is_flag=True, help="Keep the downloaded weights afterwards.")
@click.option("--yes", is_flag=True, help="Accept the licence and the size without being asked.")
def command(
    source: str,
    precision: str,
    target: str,
    revision: str | None,
    name: str | None,
    *,
    keep_download: bool,
    yes: bool,
) -> None:
    """Install a model: download it, export it, and put it where the server finds it.

    REPOSITORY is a name on the Hugging Face hub, such as deepseek-ai/DeepSeek-Coder-V2-Lite-Base;
    FOLDER is one with config.json, tokenizer.json and safetensors files. HF_ENDPOINT, HF_TOKEN and
    HF_HUB_OFFLINE are heeded. Interrupted, the same command goes on where it stopped.
    """
    request = Request(
        source,
        cast("Precision", precision),
        _choose_target(cast("TargetOption", target)),
        revision,
        name,
        keep_download,
    )
    hub = Hub()
    plan = make_plan(request, hub)
    if is_installed(plan):
        click.echo(f"{plan.name} is installed already, in {plan.model_folder}.")
        click.echo(_how_to_use(plan.name))
        return
    click.echo(describe(plan))
    _ask(yes=yes)
    try:
        with _shown() as on_progress:
            folder = carry_out(plan, hub, on_progress)
    except KeyboardInterrupt:
        click.echo("\nStopped. The same command goes on from here.", err=True)
        raise click.exceptions.Exit(130) from None  # what a shell says of Ctrl-C
    click.echo(_installed(plan, folder))


def describe(plan: Plan) -> str:
    """Say what will happen, before it does."""
    repository = plan.repository
    lines = [f"model       {plan.request.source}"]
    if repository is not None:
        lines.append(f"commit      {repository.commit}")
    lines.append(f"licence     {plan.license}")
    if repository is not None:
        missing, size = plan.download_bytes, repository.size
        rest = "" if missing == size else f"; {size_text(missing)} are still missing"
        lines.append(f"download    {size_text(size)}{rest}")
    lines += [
        f"installed   about {size_text(plan.output_bytes)} in {plan.request.precision}",
        f"made for    {plan.request.target}",
        f"where       {plan.model_folder}",
        f"disk        {size_text(plan.needed_bytes)} are needed meanwhile",
        *plan.notes,
    ]
    return "\n".join(lines)


def _choose_target(target: TargetOption) -> Target:
    if target != "auto":
        return target
    try:
        hardware = inspect_hardware()
    except RuntimeMissing:
        return "cpu"
    return "cuda" if machine_problem(hardware) is None else "cpu"


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InstallError(
            "This is not a terminal, so nobody can be asked. Add --yes to accept the licence and "
            "the size above."
        )
    click.confirm("Do you accept the licence, and shall it begin?", default=True, abort=True)


def _installed(plan: Plan, folder: ModelFolder) -> str:
    size = size_text(folder.size)
    kept = f" The weights stay in {plan.checkpoint}." if plan.request.keep_download else ""
    return f"Installed {plan.name}, {size}, in {plan.model_folder}.{kept}\n{_how_to_use(plan.name)}"


def _how_to_use(name: str) -> str:
    return (
        f"To try it:     coder-lsp doctor --model {name}\n"
        f'To use it:     set "model" to "{name}" in your editor\'s settings of coder-lsp.\n'
        f"To remove it:  delete its folder in {models_path()}."
    )


@contextmanager
def _shown() -> Iterator[OnProgress]:
    """Yield what shows progress: a bar in a terminal, a line for each phase elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:12}"), BarColumn(), _Amount(), _TimeLeft())
    is_terminal = console.is_terminal
    with Progress(*columns, console=console, disable=not is_terminal) as progress:
        bar = progress.add_task("", total=None)
        phase = ""

        def show(event: ExportProgress) -> None:
            nonlocal phase
            if event.phase != phase:
                phase = event.phase
                progress.reset(bar, description=phase, total=event.total or None)
                if not is_terminal:
                    click.echo(f"{phase} …", err=True)
            progress.update(
                bar,
                completed=event.done,
                total=event.total or None,
                unit=event.unit,
                seconds_left=event.seconds_left,
            )

        yield show


class _Amount(ProgressColumn):
    """Done and total."""

    def render(self, task: Task) -> Text:
        unit, total = task.fields.get("unit", ""), task.total or 0
        if unit == "bytes":
            return Text(f"{size_text(int(task.completed))} of {size_text(int(total))}")
        return Text(f"{task.completed:.0f} of {total:.0f} {unit}")


class _TimeLeft(ProgressColumn):
    """What the child says is left, or what the bar's own speed says."""

    def render(self, task: Task) -> Text:
        left = task.fields.get("seconds_left")
        left = task.time_remaining if left is None else left
        if left is None:
            return Text("")
        minutes, seconds = divmod(int(left), 60)
        return Text(f"{minutes}:{seconds:02} left")
