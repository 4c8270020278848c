"""From a position in a document to a completion that may be offered there."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lsprotocol import types

from coder_lsp.errors import CoderError
from coder_lsp.lsp import from_lsp, notices, to_lsp
from coder_lsp.session import Answer, BegunCompletion, Feature, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.lsp.generations import Generation
    from coder_lsp.lsp.language_server import CoderServer

_PATIENCE = 5
"""How many times longer a user waits for what was asked for explicitly."""
_MARGIN_SECONDS = 0.02
"""Of the time budget, for the rules and the way to the editor."""


async def make_offers(
    ls: CoderServer,
    uri: str,
    position: types.Position,
    feature: Feature,
    *,
    is_explicit: bool = False,
    selected: types.SelectedCompletionInfo | None = None,
) -> tuple[to_lsp.Offer, ...]:
    """Complete at a position; empty when there is nothing to offer, else the best offer first.

    What is ``selected`` in a popup is completed as if it were typed. Who asks explicitly is offered
    alternatives. Raises ``asyncio.CancelledError`` when the client cancels, which pygls then
    answers. A request that is superseded ends at once without offers, while the engine is still on
    its way to notice.
    """
    document = ls.session.document(uri)
    if document is None or not ls.switch.is_active:
        return ()
    # Everything that looks at the document comes before the first await: later it may be another.
    offset = from_lsp.offset(document, position, ls.encoding)
    snapshot, ahead = document.snapshot(offset), ""
    place = to_lsp.place(document, offset, ls.encoding)
    if selected is not None:
        snapshot, ahead = from_lsp.with_selected(document, selected, ls.encoding)
        place = dataclasses.replace(place, typed_word=selected.text, range=selected.range)
    ls.idle.interrupt()
    ls.other_offers.leave(snapshot)
    num_others = ls.session.settings.alternatives - 1 if is_explicit else 0
    begun = ls.session.begin_completion(snapshot, feature, num_others=num_others, ahead=ahead)
    answer = await _answer(ls, begun, is_explicit=is_explicit)
    if answer is None:
        return ()
    # An entry of a popup replaces the word, and may be taken as it was some keys ago.
    replaced = place.typed_word if feature == "plain" else ""
    ids = ls.session.end_completion(begun, answer, replaced)
    ls.usage.note()
    if not begun.cancellation.is_cancelled and not ahead:
        ls.idle.begin(begun.request, answer.text)
    texts = (answer.text, *answer.others)
    return tuple(to_lsp.Offer(i, place, text) for i, text in zip(ids, texts, strict=False))


async def make_offer(
    ls: CoderServer, uri: str, position: types.Position, feature: Feature
) -> to_lsp.Offer | None:
    """Return the first of ``make_offers``, None when there is nothing to offer."""
    offers = await make_offers(ls, uri, position, feature)
    return offers[0] if offers else None


async def _answer(ls: CoderServer, begun: BegunCompletion, *, is_explicit: bool) -> Answer | None:
    """Return what to say; None when the completion has been ended already."""
    started = asyncio.get_running_loop().time()
    try:
        answer = ls.session.find_answer(begun)
        if answer is None:
            answer = await _wait_for_answer(ls, begun, is_explicit=is_explicit)
        return await _with_others(ls, begun, answer, started)
    except asyncio.CancelledError:
        ls.session.cancel_completion(begun)
        raise
    except CoderError as exc:
        ls.session.fail_completion(begun)
        error = notices.cannot_complete(str(exc))
        ls.status.fail(error)
        ls.tell_once(types.MessageType.Error, error, exc.kind)
        return None
    except Exception:
        ls.session.fail_completion(begun)
        ls.status.fail(notices.INTERNAL_ERROR)
        raise


async def _with_others(
    ls: CoderServer, begun: BegunCompletion, answer: Answer, started: float
) -> Answer:
    """Add the alternatives that there are within the time budget: the first shall not wait long."""
    completion = answer.completion
    if not answer.text or begun.request.options.num_branches == 0:
        return answer
    with ls.status.waiting(), _superseded(begun.cancellation) as superseded:
        others = await ls.other_offers.find(
            begun.request,
            answer.text,
            () if completion is None else completion.branches,
            superseded,
            started + ls.engine.time_budget_seconds - _MARGIN_SECONDS,
        )
    return dataclasses.replace(answer, others=others)


async def _wait_for_answer(ls: CoderServer, begun: BegunCompletion, *, is_explicit: bool) -> Answer:
    loop = asyncio.get_running_loop()
    if not begun.is_repeated:
        ls.debounce.record_request(loop.time())
    budget = ls.engine.time_budget_seconds * (_PATIENCE if is_explicit else 1)
    deadline = loop.time() + max(budget - _MARGIN_SECONDS, 0.0)
    generation = ls.generations.find(begun.request.snapshot)
    if generation is not None:
        await _wait(ls, generation, begun.cancellation, deadline)
        completion = generation.running.completion_for(begun.request)
        if begun.cancellation.is_cancelled or completion.finish_reason != "cancelled":
            return Answer(completion.text, "running", completion)
        # What was typed since has gone another way than the model.
    if not is_explicit and not begun.is_repeated:
        await _debounce(ls.debounce.delay(), begun.cancellation)
        if begun.cancellation.is_cancelled:
            return Answer("", "model")
    generation = ls.generations.begin(begun.request, ls.engine.complete)
    await _wait(ls, generation, begun.cancellation, deadline)
    completion = generation.running.completion_for(begun.request)
    if completion.time_to_first_token_ms is not None:
        ls.debounce.record_latency(completion.time_to_first_token_ms / 1000)
    source: Source = "cache" if completion.usage.num_cached_tokens else "model"
    return Answer(completion.text, source, completion)


async def _debounce(seconds: float, cancellation: CancellationToken) -> None:
    if seconds > 0:
        with _superseded(cancellation) as superseded:
            await asyncio.wait((superseded,), timeout=seconds)


async def _wait(
    ls: CoderServer, generation: Generation, cancellation: CancellationToken, deadline: float
) -> None:
    """Wait until a generation is done, the request is superseded or the deadline has passed.

    Who asks while the model is being loaded waits for it: nothing can stand so far.
    """
    left = max(0.0, deadline - asyncio.get_running_loop().time())
    timeout = None if ls.engine.is_loading else left
    with (
        ls.generations.waiting(generation),
        ls.status.waiting(),
        _superseded(cancellation) as superseded,
    ):
        await asyncio.wait(
            (generation.done, superseded), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
    if generation.done.done() and not generation.done.cancelled():
        generation.done.result()  # raises what the engine met


@contextmanager
def _superseded(cancellation: CancellationToken) -> Iterator[asyncio.Future[None]]:
    """Yield a future that ends when the request is superseded."""
    superseded: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not superseded.done():
            superseded.set_result(None)

    with cancellation.interrupting(end):
        yield superseded
