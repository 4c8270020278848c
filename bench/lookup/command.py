"""``lookup``: decoding ahead by lookup. Whether the output stays what it was, and what it saves.

Three parts. Equality: the float32 export of mini, with and without drafts. Speed: time per token by
kind of edit, with and without drafts in turn. Costs: the time of a pass by its width; from these
and the tokens that mini wrote, the saving is *computed* for models whose weights are made up, since
what such a model writes says nothing about how often a draft is right.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from bench.errors import BenchError
from bench.lookup.decoder import Decoder
from bench.lookup.edits import KINDS, PREFIX_TOKENS, SUFFIX_TOKENS, places
from bench.lookup.equality import Equality, measure_equality
from bench.lookup.speed import (
    NUM_NEW_TOKENS,
    Clock,
    Run,
    Until,
    compute_speed_up,
    measure_costs,
    measure_runs,
    summarise,
)
from bench.options import mini_option
from bench.result_file import write_result
from coder_lsp.engine.decoding.drafter import LookupMode
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.errors import ExportError
from onnx_export.export import HuggingFaceFolder, Labels, MadeUp, export

LITE_CONFIG = Path(__file__).parent.parent / "lite_config.json"
_CAPACITY = PREFIX_TOKENS + SUFFIX_TOKENS + NUM_NEW_TOKENS + 64
_SEED = 20_24
_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--json", "json_path", required=True, type=_PATH)
@click.option("--model", type=_PATH, help="Model folder to time. Default: the embedded model.")
@click.option("--lookup", default="auto", show_default=True, type=click.Choice(["auto", "on"]))
@click.option("--prompts", default=500, show_default=True, help="Of the equality; 0 skips it.")
@click.option("--places", "num_places", default=40, show_default=True, help="Of each kind of edit.")
@click.option("--rounds", default=30, show_default=True, help="Passes of each width.")
@click.option(
    "--cut",
    "cuts",
    type=_PATH,
    multiple=True,
    help="Model folder of some of Lite's layers. Default: three layers are made up for the run.",
)
@mini_option("--hf")
def command(
    json_path: Path,
    model: Path | None,
    lookup: LookupMode,
    prompts: int,
    num_places: int,
    rounds: int,
    cuts: tuple[Path, ...],
    hf_dir: Path,
) -> None:
    """Measure decoding ahead; exit status 1 if it changes what a float32 model writes."""
    equality = _equality(hf_dir, prompts) if prompts else None
    decoder = Decoder(ModelFolder.read(model or embedded_model_path()), _CAPACITY)
    places_of: list[tuple[str, Until]] = [(k, u) for u in ("limit", "line end") for k in KINDS]
    runs = {key: measure_runs(decoder, *key, num_places, lookup) for key in places_of}
    runs = {key: found for key, found in runs.items() if found}
    document = {
        "model": decoder.manifest.name,
        "precision": decoder.manifest.precision,
        "lookup": lookup,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "equality": None if equality is None else asdict(equality),
        "speed": [summarise(*key, found) for key, found in runs.items()],
        "costs": list(_costs(decoder, runs, lookup, rounds, cuts)),
    }
    write_result(json_path, document)
    click.echo(json.dumps(document, indent=2))
    if equality is not None and not equality.is_equal:
        raise click.ClickException("Decoding ahead changed the output of the float32 model.")


def _equality(hf_dir: Path, num_prompts: int) -> Equality:
    with tempfile.TemporaryDirectory() as temporary:
        out_dir = Path(temporary) / "mini"
        _export(HuggingFaceFolder(hf_dir), out_dir, ExportConfig("fp32"), Labels())
        return measure_equality(Decoder(ModelFolder.read(out_dir), _CAPACITY), num_prompts)


def _costs(
    decoder: Decoder,
    runs: Mapping[tuple[str, Until], Sequence[Run]],
    lookup: LookupMode,
    rounds: int,
    cuts: Sequence[Path],
) -> Iterator[dict[str, object]]:
    """Yield costs by width and what follows from them, of the model itself and of cuts of Lite."""
    fim = decoder.manifest.fim
    (place,) = places("new code", 1, decoder.tokenizer, fim)
    measured = measure_costs(decoder, place.prompt_ids, rounds)
    yield _cost_entry(decoder, measured, runs, lookup, decoder)
    with _cuts_or_made_up(cuts) as folders:
        for folder in folders:
            cut = Decoder(ModelFolder.read(folder), _CAPACITY)
            measured = measure_costs(cut, place.prompt_ids, rounds)
            yield _cost_entry(cut, measured, runs, lookup, decoder)


def _cost_entry(
    measured_on: Decoder,
    costs: Mapping[Clock, Mapping[int, float]],
    runs: Mapping[tuple[str, Until], Sequence[Run]],
    lookup: LookupMode,
    written_by: Decoder,
) -> dict[str, object]:
    manifest = measured_on.manifest

    def entry(clock: Clock) -> dict[str, object]:
        single = costs[clock][1]
        return {
            "single_ms": round(single * 1e3, 3),
            "relative_cost": {str(w): round(cost / single, 3) for w, cost in costs[clock].items()},
            "computed_speed_up": {
                f"{kind}, until {until}": compute_speed_up(
                    costs[clock], found, written_by.create_drafter(lookup)
                )
                for (kind, until), found in runs.items()
            },
        }

    return {
        "model": manifest.name,
        "weights": manifest.source.model,
        "precision": manifest.precision,
        "layers": manifest.architecture.num_hidden_layers,
        **{clock: entry(clock) for clock in costs},
        "tokens_written_by": written_by.manifest.name,
    }


@contextmanager
def _cuts_or_made_up(cuts: Sequence[Path]) -> Iterator[Sequence[Path]]:
    if cuts:
        yield cuts
        return
    with tempfile.TemporaryDirectory() as temporary:
        out_dir = Path(temporary) / "lite-3-layers"
        tokenizer = embedded_model_path() / "tokenizer.json"
        source = MadeUp(LITE_CONFIG, num_layers=3, seed=_SEED)
        _export(source, out_dir, ExportConfig("int4"), Labels(tokenizer=tokenizer))
        yield [out_dir]


def _export(
    source: HuggingFaceFolder | MadeUp, out_dir: Path, config: ExportConfig, labels: Labels
) -> None:
    try:
        export(source, out_dir, config, labels, lambda *_: None)
    except ExportError as exc:
        raise BenchError(str(exc)) from exc
