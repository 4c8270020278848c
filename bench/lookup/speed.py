"""What decoding ahead saves by kind of edit: measured, and computed from the costs of passes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench.lookup.decoder import Continuation, Decoder, Seconds
from bench.lookup.edits import Place, places
from coder_lsp.engine.decoding.drafter import Drafter, LookupMode, NoDrafts

NUM_NEW_TOKENS = 64
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16)
_FEWEST_TOKENS = 4


Clock = Literal["wall", "cpu"]
Until = Literal["limit", "line end"]


@dataclass(frozen=True, slots=True)
class Run:
    """One place, completed with and without drafts."""

    place: Place
    plain: Continuation
    drafted: Continuation

    def speed_up(self, clock: Clock) -> float:
        """Return time per token without, over time per token with."""
        return _seconds_per_token(self.plain, clock) / _seconds_per_token(self.drafted, clock)


def measure_runs(
    decoder: Decoder, kind: str, until: Until, number: int, lookup: LookupMode
) -> list[Run]:
    """Complete the places of a kind; which way comes first alternates.

    One drafter for all: what it learns at one place helps at the next, as in an editor. Places
    where the model stops at once are left out.
    """
    fim = decoder.manifest.fim
    drafter = decoder.create_drafter(lookup)
    runs = []
    for i, place in enumerate(places(kind, number, decoder.tokenizer, fim)):
        found = dict[bool, Continuation]()
        for is_drafted in (i % 2 == 0, i % 2 == 1):
            drafts = drafter.begin(place.prompt_ids) if is_drafted else NoDrafts()
            prompt_ids = place.prompt_ids
            found[is_drafted] = decoder.continue_prompt(prompt_ids, drafts, NUM_NEW_TOKENS, until)
        if min(len(found[True].token_ids), len(found[False].token_ids)) >= _FEWEST_TOKENS:
            runs.append(Run(place, found[False], found[True]))
    return runs


def summarise(kind: str, until: Until, runs: Sequence[Run]) -> dict[str, object]:
    """Return a line of the table."""
    num_passes = sum(len(run.drafted.widths) for run in runs)
    num_drafted = sum(width - 1 for run in runs for width in run.drafted.widths)
    num_tokens = sum(len(run.drafted.token_ids) - 1 for run in runs)
    return {
        "kind": kind,
        "until": until,
        "n": len(runs),
        "tokens": num_tokens,
        "speed_up": _summarise_speed_up(runs, "wall"),
        "cpu_speed_up": _summarise_speed_up(runs, "cpu"),
        "tokens_per_pass": round(num_tokens / num_passes, 3),
        "drafted_tokens": num_drafted,
        "accepted_share": round((num_tokens - num_passes) / max(num_drafted, 1), 3),
        "same_output": sum(run.plain.token_ids == run.drafted.token_ids for run in runs),
    }


def _summarise_speed_up(runs: Sequence[Run], clock: Clock) -> dict[str, float]:
    plain = sum(getattr(run.plain.seconds, clock) for run in runs)
    plain /= sum(len(run.plain.token_ids) - 1 for run in runs)
    drafted = sum(getattr(run.drafted.seconds, clock) for run in runs)
    drafted /= sum(len(run.drafted.token_ids) - 1 for run in runs)
    return {
        "median": round(median(run.speed_up(clock) for run in runs), 3),
        "overall": round(plain / drafted, 3),
    }


def measure_costs(
    decoder: Decoder, prompt_ids: Sequence[int], rounds: int
) -> dict[Clock, dict[int, float]]:
    """Return the seconds of a pass by its width, medians over ``rounds``, all widths in turn."""
    decoder.continue_prompt(prompt_ids, NoDrafts(), 1)
    times: dict[int, list[Seconds]] = {width: [] for width in WIDTHS}
    for i in range(rounds + 1):
        for width in WIDTHS:
            start = i * 16 % (len(prompt_ids) - width)
            seconds = decoder.time_pass(prompt_ids[start : start + width])
            if i > 0:  # the first pass of a width allocates
                times[width].append(seconds)
    return {
        "wall": {width: median(t.wall for t in values) for width, values in times.items()},
        "cpu": {width: median(t.cpu for t in values) for width, values in times.items()},
    }


def compute_speed_up(
    costs: Mapping[int, float], runs: Iterable[Run], drafter: Drafter
) -> dict[str, float]:
    """Decode the tokens of ``runs`` once more on paper, each pass taking the time of its width."""
    plain = drafted = 0.0
    speed_ups = []
    for run in runs:
        seconds = _decode_on_paper(costs, run, drafter)
        plainly = costs[1] * (len(run.plain.token_ids) - 1)
        speed_ups.append(plainly / seconds)
        plain, drafted = plain + plainly, drafted + seconds
    return {"median": round(median(speed_ups), 3), "overall": round(plain / drafted, 3)}


def _decode_on_paper(costs: Mapping[int, float], run: Run, drafter: Drafter) -> float:
    token_ids = run.plain.token_ids
    drafts = drafter.begin(run.place.prompt_ids)
    drafts.add(token_ids[0])
    seconds, position = 0.0, 1
    while position < len(token_ids):
        draft = drafts.propose(NUM_NEW_TOKENS - position - 1)
        cost = _cost(costs, len(draft) + 1)
        drafts.record_pass(len(draft) + 1, cost)
        seconds += cost
        num_accepted = _num_accepted(draft, token_ids[position:])
        for token_id in token_ids[position : position + num_accepted + 1]:
            drafts.add(token_id)
        position += num_accepted + 1
    return seconds


def _num_accepted(draft: Sequence[int], token_ids: Sequence[int]) -> int:
    pairs = enumerate(zip(draft, token_ids, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(draft), len(token_ids)))


def _cost(costs: Mapping[int, float], width: int) -> float:
    """Return the cost of a width, between two measured ones by interpolation."""
    below = max(w for w in costs if w <= width)
    above = min(w for w in costs if w >= width)
    if below == above:
        return costs[width]
    share = (width - below) / (above - below)
    return costs[below] + share * (costs[above] - costs[below])


def _seconds_per_token(continuation: Continuation, clock: Clock) -> float:
    seconds: float = getattr(continuation.seconds, clock)
    return seconds / (len(continuation.token_ids) - 1)
