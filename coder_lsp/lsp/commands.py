"""``workspace/executeCommand``: on and off, what the client tells of an offer, and counters."""

import math
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from coder_lsp.completion.completion import Completion
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.loading import load_backend, load_if_wanted

TOGGLE_COMMAND = "coder-lsp.toggle"
SNOOZE_COMMAND = "coder-lsp.snooze"
STATS_COMMAND = "coder-lsp.stats"
RESTART_COMMAND = "coder-lsp.restartModel"

_SNOOZE_MINUTES = 10
_MOST_SNOOZE_MINUTES = 7 * 24 * 60


def toggle(ls: CoderServer, *arguments: Any) -> dict[str, bool]:
    """Turn completions on or off as the argument says, without one the other way than now.

    Who toggles while they are snoozed wants them back.
    """
    on = _argument(arguments, not ls.switch.is_active)
    if not isinstance(on, bool):
        raise _unusable("true or false", on)
    ls.switch.turn(on=on)
    load_if_wanted(ls)
    return {"enabled": on}


def snooze(ls: CoderServer, *arguments: Any) -> dict[str, int]:
    """Turn completions off for so many minutes; 0 ends that."""
    minutes = _argument(arguments, _SNOOZE_MINUTES)
    if not _is_duration(minutes):
        raise _unusable(f"a number of minutes from 0 to {_MOST_SNOOZE_MINUTES}", minutes)
    return {"snoozedSeconds": round(ls.switch.snooze(60 * minutes))}


def restart_model(ls: CoderServer) -> None:
    """Load the model anew; the status tells how that goes."""
    if not ls.scheduler.is_loading:
        ls.start(load_backend(ls))


def accept(ls: CoderServer, *arguments: Any) -> None:
    """Count that an offer was taken; an unknown one does no harm.

    The first argument is the offer's id. A second one says how many code points of the shown text
    were taken, if the client took a part.
    """
    offer_id, rest = arguments[0] if arguments else None, arguments[1:]
    if not isinstance(offer_id, str):
        raise _unusable("the id of an offer", offer_id)
    num_characters = _argument(rest, None)
    if num_characters is not None and not _is_count(num_characters):
        raise _unusable("a number of characters", num_characters)
    ls.session.accept(offer_id, num_characters)


async def stats(ls: CoderServer) -> dict[str, Any]:
    """Return counters of session and backend, what the last completion took, and the usage.

    Waits for the engine to come to it. Times are in milliseconds.
    """
    backend = await ls.scheduler.backend_stats()
    last = ls.session.last_completion
    return {
        "session": dict(ls.session.stats()),
        "pending": ls.protocol.num_pending,
        "backend": dict(backend),
        "lastCompletion": None if last is None else _describe(last),
        "usage": await ls.session.recorder.usage(),
    }


def _argument(arguments: tuple[Any, ...], default: Any) -> Any:
    """Return the one optional argument; null is as good as none."""
    if len(arguments) > 1:
        raise _unusable("one argument at most", len(arguments))
    return default if not arguments or arguments[0] is None else arguments[0]


def _is_duration(minutes: Any) -> bool:
    is_number = isinstance(minutes, (int, float)) and not isinstance(minutes, bool)
    return is_number and math.isfinite(minutes) and 0 <= minutes <= _MOST_SNOOZE_MINUTES


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _unusable(expected: str, found: Any) -> JsonRpcInvalidParams:
    return JsonRpcInvalidParams(message=f"Expected {expected}, found {found!r}.")


def _describe(completion: Completion) -> dict[str, Any]:
    """Describe a completion; a recent one costs no tokens and no time."""
    usage = completion.usage
    is_recent = completion.source == "completion cache"
    return {
        "source": completion.source,
        "finishReason": completion.finish_reason,
        "numPromptTokens": usage.num_prompt_tokens,
        "numCachedTokens": usage.num_cached_tokens,
        # What an earlier request had computed already is not counted twice.
        "numNewTokens": 0 if completion.source == "running" else usage.num_new_tokens,
        "numGeneratedTokens": usage.num_generated_tokens,
        "timeToFirstTokenMs": 0.0 if is_recent else completion.time_to_first_token_ms,
        "totalMs": completion.total_ms,
        "refusedBy": completion.refused_by,
        "model": completion.model,
    }
