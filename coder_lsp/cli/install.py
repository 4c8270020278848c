"""``coder-lsp install``: from a repository, a folder or a GGUF file to an installed model."""

import sys
from typing import Literal, cast, get_args

import click

from coder_lsp.cli.install_list import Offer, list_offers, print_json, print_table
from coder_lsp.cli.install_progress import shown_progress
from coder_lsp.cli.output import say
from coder_lsp.engine.device.hardware import inspect_hardware
from coder_lsp.engine.device.memory import size_text
from coder_lsp.engine.device.providers import machine_problem
from coder_lsp.errors import InstallError, RuntimeMissing
from coder_lsp.install.export_process import Precision, Target
from coder_lsp.install.hub import Hub
from coder_lsp.install.installation import Installed, Plan, Request, carry_out
from coder_lsp.install.planning import make_plan
from coder_lsp.models.installed_models import default_model
from coder_lsp.paths import models_path

_HELP = """Install a model: download it, export it, and put it where the server finds it.

\b
SOURCE is one of
  OWNER/REPO            a repository on the Hugging Face hub, with safetensors
  OWNER/REPO:FILE.gguf  a GGUF file in a repository
  FOLDER                a folder with config.json, tokenizer.json and safetensors
  ./FILE.gguf           a GGUF file; of a split model, its first part
  ollama:NAME:TAG       a model that Ollama has on this machine

Without SOURCE the models that are known are shown, and you choose one by its number. The first
model that you install becomes the default one.

HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and the usual variables for proxies are obeyed. If the command
is interrupted, the same command continues.
"""

TargetOption = Literal["auto", "cpu", "cuda"]
_INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


@click.command("install", help=_HELP)
@click.argument("source", required=False)
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    help="How weights are stored. Default: what is best for the source.",
)
@click.option(
    "--target",
    type=click.Choice(get_args(TargetOption)),
    default="auto",
    show_default=True,
    help="Whose kernels the graph is made for. auto: cuda if a GPU can be used, else cpu.",
)
@click.option("--revision", help="Branch, tag or commit. Default: the known commit, or main.")
@click.option("--name", help="The model's name here. Default: the source's, with the precision.")
@click.option("--keep-download", is_flag=True, help="Keep the downloaded weights afterwards.")
@click.option("--yes", is_flag=True, help="Accept the licence and the size without being asked.")
@click.option("--list", "lists", is_flag=True, help="Only show the models that are known.")
@click.option("--json", "as_json", is_flag=True, help="With --list: print a JSON list.")
def command(
    source: str | None,
    precision: str | None,
    target: str,
    revision: str | None,
    name: str | None,
    *,
    keep_download: bool,
    yes: bool,
    lists: bool,
    as_json: bool,
) -> None:
    """Install a model, or choose one from the catalogue."""
    if as_json and not lists:
        raise click.UsageError("--json goes with --list only.")
    if lists and source is not None:
        raise click.UsageError("--list shows all models; leave SOURCE out.")
    if source is None:
        source = _choose(is_list_only=lists, as_json=as_json)
        if source is None:
            return
    request = Request(
        source,
        cast("Precision | None", precision),
        _choose_target(cast("TargetOption", target)),
        revision,
        name,
        keep_download,
    )
    _install(request, yes=yes)


def describe(plan: Plan) -> str:
    """Say what will happen, before it does."""
    repository = plan.repository
    lines = [f"model       {plan.origin.repository}"]
    if repository is not None:
        lines.append(f"commit      {repository.commit}")
    lines.append(f"licence     {plan.license}")
    if repository is not None:
        missing, size = plan.download_bytes, repository.size
        rest = "" if missing == size else f"; {size_text(missing)} are still missing"
        lines.append(f"download    {size_text(size)}{rest}")
    lines += [
        f"installed   about {size_text(plan.output_bytes)} in {plan.precision}",
        f"made for    {plan.request.target}",
        f"where       {plan.model_folder}",
        f"disk        {size_text(plan.needed_bytes)} are needed meanwhile",
        *plan.notes,
    ]
    return "\n".join(lines)


def _choose(*, is_list_only: bool, as_json: bool) -> str | None:
    """Show the catalogue; return what the user chose, None if nothing."""
    offers = list_offers()
    if as_json:
        print_json(offers)
        return None
    print_table(offers)
    if is_list_only or not _can_ask():
        say("Install one with 'coder-lsp install SOURCE', such as " + _example(offers))
        return None
    recommended = next((n for n, offer in enumerate(offers, 1) if offer.is_recommended), None)
    chosen = click.prompt(
        "Number of the model to install (Ctrl-C installs none)",
        type=click.IntRange(1, len(offers)),
        default=recommended,
    )
    return offers[int(chosen) - 1].model.source


def _example(offers: list[Offer]) -> str:
    recommended = next((offer for offer in offers if offer.is_recommended), offers[0])
    return f"{recommended.model.source}."


def _install(request: Request, *, yes: bool) -> None:
    plan = make_plan(request, Hub)
    if isinstance(plan, str):
        say(f"{plan} is installed already, in {models_path() / plan}.")
        say(_how_to_use(plan))
        return
    say(describe(plan))
    _ask(yes=yes)
    try:
        with shown_progress() as on_progress:
            installed = carry_out(plan, Hub, on_progress)
    except KeyboardInterrupt:
        click.echo("\nStopped. The same command continues from here.", err=True)
        raise click.exceptions.Exit(_INTERRUPTED) from None
    say(_installed(plan, installed))


def _choose_target(target: TargetOption) -> Target:
    if target != "auto":
        return target
    try:
        hardware = inspect_hardware()
    except RuntimeMissing:
        return "cpu"
    return "cuda" if machine_problem(hardware) is None else "cpu"


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if not _can_ask():
        raise InstallError(
            "This is not a terminal, so nobody can be asked. Add --yes to accept the licence and "
            "the size above."
        )
    click.confirm("Do you accept the licence, and install it?", default=True, abort=True)


def _installed(plan: Plan, installed: Installed) -> str:
    size = size_text(installed.folder.size)
    kept = f" The weights stay in {plan.download_folder}." if plan.request.keep_download else ""
    return f"Installed {plan.name}, {size}, in {plan.model_folder}.{kept}\n{_how_to_use(plan.name)}"


def _how_to_use(name: str) -> str:
    use = (
        "It is the default model: editors use it as soon as their server loads a model again."
        if default_model() == name
        else f"To use it:     coder-lsp models --use {name}"
    )
    return (
        f"{use}\n"
        f"To try it:     coder-lsp doctor --model {name}\n"
        f"To remove it:  coder-lsp models --remove {name}"
    )
