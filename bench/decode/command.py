"""``python -m bench decode``: time per token, after short and long pasts, beside llama-server."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console

from bench.decode.models import SMALL_CUT, Pair, made_up_lite
from bench.decode.ours import OurModel
from bench.decode.peer import LlamaModel
from bench.decode.report import PEER, PEER_SMALL, SIDE, SMALL, Measurement, describe
from bench.decode.rounds import Plan, measure_rounds
from bench.decode.subject import Subject
from bench.llama_server import find_llama_server, llama_server_version, running_llama_server
from bench.result_file import write_result
from coder_lsp.engine.device.runtime import choose_num_threads
from coder_lsp.models.model_folder import ModelFolder

_PATH = click.Path(path_type=Path)
_PASTS = (512, 2048, 8192)
_WIDTHS = (16, 64, 256)
_TEXT_SHARE = 0.9
"""Of a vocabulary: beyond it are tokens that no text has."""


@click.command()
@click.option("--model", type=_PATH, metavar="DIR", help="Model folder to time.")
@click.option("--full-size", is_flag=True, help="Lite's widths, random weights, 4 bits.")
@click.option("--layers", type=int, help="With --full-size: cut the model to so many layers.")
@click.option("--peer", type=click.Choice(["llama-server"]), help="Time it in the same rounds.")
@click.option("--peer-model", type=_PATH, metavar="GGUF", help="With --model: the same weights.")
@click.option("--past", "pasts", type=int, multiple=True, help=f"Default: {_PASTS}.")
@click.option("--new-tokens", "widths", type=int, multiple=True, help=f"Default: {_WIDTHS}.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--threads", default=0, show_default=True, help="0 chooses as the server does.")
@click.option("--json", "out", type=_PATH, required=True)
def command(
    model: Path | None,
    full_size: bool,  # noqa: FBT001
    layers: int | None,
    peer: str | None,
    peer_model: Path | None,
    pasts: tuple[int, ...],
    widths: tuple[int, ...],
    rounds: int,
    threads: int,
    out: Path,
) -> None:
    """Time prefill and decode; with --full-size the cost of a layer from two cuts."""
    _check_options(model, layers, peer, peer_model, is_full_size=full_size)
    plan = Plan(pasts or _PASTS, widths or _WIDTHS, rounds)
    with Console(stderr=True).status("") as status:
        pairs = _pairs(model, peer_model, layers, status.update, with_peer=peer is not None)
        measurement = _measure(pairs, plan, choose_num_threads(threads), status.update)
    report = describe(measurement)
    write_result(out, report)
    click.echo(json.dumps(report, indent=2))


def _check_options(
    model: Path | None,
    layers: int | None,
    peer: str | None,
    peer_model: Path | None,
    *,
    is_full_size: bool,
) -> None:
    if (model is not None) == is_full_size:
        raise click.UsageError("Name either --model or --full-size.")
    if layers is not None and (not is_full_size or layers <= SMALL_CUT):
        raise click.UsageError(
            f"--layers goes with --full-size and should be more than {SMALL_CUT}: what a layer "
            "costs is a difference."
        )
    if model is not None and (peer is None) != (peer_model is None):
        raise click.UsageError("With --model, --peer needs --peer-model, and the reverse.")


def _pairs(
    model: Path | None,
    peer_model: Path | None,
    layers: int | None,
    tell: Callable[[str], None],
    *,
    with_peer: bool,
) -> list[Pair]:
    """Return the model that was asked for, and of Lite's widths the small cut, too."""
    if model is not None:
        return [Pair(model, peer_model)]
    return [made_up_lite(n, with_peer=with_peer, tell=tell) for n in (layers, SMALL_CUT)]


def _measure(
    pairs: Sequence[Pair], plan: Plan, num_threads: int, tell: Callable[[str], None]
) -> Measurement:
    ours = [OurModel(ModelFolder.read(p.ours), num_threads, plan.capacity) for p in pairs]
    num_text_ids = int(ours[0].manifest.num_generable_ids * _TEXT_SHARE)
    subjects: dict[str, Subject] = dict(zip((SIDE, SMALL), ours, strict=False))
    with _running_peers(pairs, plan.capacity, num_threads, num_text_ids) as peers:
        readings = measure_rounds(subjects | dict(peers), plan, num_text_ids, tell)
    return Measurement(
        plan,
        readings,
        ours,
        tuple(pair.peer for pair in pairs if pair.peer is not None),
        llama_server_version(find_llama_server()) if peers else None,
        num_threads,
    )


@contextmanager
def _running_peers(
    pairs: Sequence[Pair], capacity: int, num_threads: int, num_text_ids: int
) -> Iterator[Mapping[str, Subject]]:
    flags = ("--ctx-size", str(capacity))
    peers: dict[str, Subject] = {}
    with ExitStack() as stack:
        for side, pair in zip((PEER, PEER_SMALL), pairs, strict=False):
            if pair.peer is not None:
                running = running_llama_server(find_llama_server(), pair.peer, num_threads, flags)
                peers[side] = LlamaModel(stack.enter_context(running), num_text_ids)
        yield peers
