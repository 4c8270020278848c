"""From a position in a document to the completions that may be offered there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lsprotocol import types

from coder_lsp.errors import CoderError
from coder_lsp.lsp import from_lsp, notices, to_lsp

if TYPE_CHECKING:
    from coder_lsp.lsp.language_server import CoderServer
    from coder_lsp.request import Feature


async def make_offers(
    ls: CoderServer,
    uri: str,
    position: types.Position,
    feature: Feature,
    *,
    is_explicit: bool = False,
    selected: types.SelectedCompletionInfo | None = None,
) -> tuple[to_lsp.Offer, ...]:
    """Complete at a position; empty if there is nothing to offer, else the best offer first.

    What is ``selected`` in a popup is completed as if it were typed. Raises
    ``asyncio.CancelledError`` if the client cancels, which pygls then answers. A request that is
    superseded ends at once without offers, while the engine continues for a moment.
    """
    document = ls.session.document(uri)
    if document is None or not ls.switch.is_active:
        return ()
    # Everything that looks at the document comes before the first await: later it may be another.
    offset = from_lsp.offset(document, position, ls.encoding)
    snapshot, rest = document.snapshot(offset), ""
    place = to_lsp.place(document, offset, ls.encoding)
    if selected is not None:
        snapshot, rest = from_lsp.with_selected(document, selected, ls.encoding)
        place = dataclasses.replace(place, typed_word=selected.text, range=selected.range)
    request = ls.session.request(snapshot, feature, is_explicit=is_explicit, selected=rest)
    # An entry of a popup replaces the word, and may be taken as it was some keys ago.
    replaced = place.typed_word if feature == "plain" else ""
    try:
        completions = await ls.session.complete(request, replaced)
    except CoderError as exc:
        error = notices.cannot_complete(str(exc))
        ls.status.fail(error)
        ls.tell_once(types.MessageType.Error, error, exc.kind)
        return ()
    except Exception:
        ls.status.fail(notices.INTERNAL_ERROR)
        raise
    return tuple(to_lsp.Offer(id_, place, text) for id_, text in completions)


async def make_offer(
    ls: CoderServer, uri: str, position: types.Position, feature: Feature
) -> to_lsp.Offer | None:
    """Return the first of ``make_offers``, None if there is nothing to offer."""
    offers = await make_offers(ls, uri, position, feature)
    return offers[0] if offers else None
