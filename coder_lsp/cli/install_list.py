"""The catalogue as ``coder-lsp install`` shows it: what each model takes, gives, and does here."""

import json
from dataclasses import asdict, dataclass

import click
import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from coder_lsp.engine.device.memory import size_text
from coder_lsp.engine.device.pace_probe import measure_pace
from coder_lsp.install.catalogue import (
    KnownModel,
    MachinePace,
    PredictedPace,
    predict,
    read_catalogue,
    recommend,
)
from coder_lsp.install.installation import find_installed


@dataclass(frozen=True, slots=True)
class Offer:
    """A model of the catalogue on this machine."""

    model: KnownModel
    predicted: PredictedPace
    is_installed: bool
    is_recommended: bool


def list_offers() -> list[Offer]:
    """Measure the machine for two seconds, and return the catalogue as it is for this machine.

    Raises ``RuntimeMissing`` and ``EngineError``.
    """
    models = read_catalogue().models
    measured = measure_pace()
    pace = MachinePace(measured.prefill_weights_per_second, measured.decode_bytes_per_second)
    recommended = recommend(models, psutil.virtual_memory().total, pace)
    return [
        Offer(
            model=model,
            predicted=predict(model, pace),
            is_installed=is_installed(model),
            is_recommended=model is recommended,
        )
        for model in models
    ]


def is_installed(model: KnownModel) -> bool:
    """Whether the model is installed, in any precision and for any target."""
    return any(find_installed(model.source, None, None, target, None) for target in ("cpu", "cuda"))


def print_json(offers: list[Offer]) -> None:
    """Print what editors read."""
    click.echo(json.dumps([_as_json(offer) for offer in offers], indent=2))


def print_table(offers: list[Offer]) -> None:
    """Print a table with a number for each model."""
    # At a pipe's end there is no width to fit in.
    console = Console() if Console().is_terminal else Console(width=150)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", justify="right")
    table.add_column("model", no_wrap=True)
    table.add_column("licence")
    for name in ("download", "disk", "memory", "lang.", "HumanEval", "prompt", "writes"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for number, offer in enumerate(offers, 1):
        table.add_row(*_row(number, offer), style="bold" if offer.is_recommended else "")
    console.print(table)
    console.print(_notes(), highlight=False, markup=False)


def _row(number: int, offer: Offer) -> tuple[str, ...]:
    model, predicted = offer.model, offer.predicted
    quality = "-" if model.quality is None else f"{model.quality.humaneval_single_line:.1%}"
    state = "installed" if offer.is_installed else ""
    if offer.is_recommended:
        state = f"{state}, recommended" if state else "recommended here"
    return (
        str(number),
        model.name,
        model.license,
        *map(size_text, (model.download_bytes, model.disk_bytes, model.memory_bytes)),
        str(model.languages),
        quality,
        f"{predicted.prefill_tokens_per_second:.0f} t/s",
        f"{predicted.decode_tokens_per_second:.0f} t/s",
        state,
    )


def _notes() -> str:
    related = "".join(f"\n  {related.text}" for related in read_catalogue().related)
    return (
        "Disk and memory: in int8 below a billion parameters, in int4 above, with a context of "
        "2,048 tokens. Prompt and writes:\ntokens per second, predicted from two seconds of "
        "measuring this machine. HumanEval: lines filled in correctly, measured by\nus on the "
        "model itself; it may have been in the "
        f"training data. Of relatives of these models we measured:{related}\n"
    )


def _as_json(offer: Offer) -> dict[str, object]:
    model, quality = offer.model, offer.model.quality
    return {
        "name": model.name,
        "source": model.source,
        "license": model.license,
        "download_bytes": model.download_bytes,
        "disk_bytes": model.disk_bytes,
        "memory_bytes": model.memory_bytes,
        "context_length": model.context_length,
        "languages": model.languages,
        "quality": {
            "humaneval_single_line": quality and quality.humaneval_single_line,
            "measured_on": quality and quality.measured_on,
        },
        "predicted": {name: round(value, 1) for name, value in asdict(offer.predicted).items()},
        "is_installed": offer.is_installed,
        "is_recommended": offer.is_recommended,
    }
