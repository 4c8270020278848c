"""From a position in a document to a completion that may be offered there."""

import asyncio

from lsprotocol import types

from coder_lsp.errors import CoderError
from coder_lsp.server import from_lsp, notices, to_lsp
from coder_lsp.server.language_server import CoderServer
from coder_lsp.session import BegunCompletion, Feature


async def make_offer(
    ls: CoderServer, uri: str, position: types.Position, feature: Feature
) -> to_lsp.Offer | None:
    """Complete at a position; None when there is nothing to offer.

    Raises ``asyncio.CancelledError`` when the client cancels, which pygls then answers. A request
    that is superseded ends at once with None, while the engine is still on its way to notice.
    """
    document = ls.session.document(uri)
    if document is None:
        return None
    offset = from_lsp.offset(document, position, ls.encoding)
    # Everything that looks at the document comes before the first await: later it may be another.
    begun = ls.session.begin_completion(document, offset, feature)
    place = to_lsp.place(document, offset, ls.encoding)
    text = ls.session.find_completion(begun)
    if text is None:
        text = await _generate(ls, begun)
    if text is None:
        return None
    offer_id = ls.session.end_completion(begun, text)
    return None if offer_id is None else to_lsp.Offer(offer_id, place, text)


async def _generate(ls: CoderServer, begun: BegunCompletion) -> str | None:
    """Return what the backend says; None when the completion has been ended already."""
    working = asyncio.wrap_future(ls.engine.complete(begun.request, begun.cancellation))

    def stop_waiting() -> None:
        working.cancel()

    with begun.cancellation.interrupting(stop_waiting):
        try:
            completion = await working
        except asyncio.CancelledError:
            if begun.cancellation.is_cancelled:
                return ""
            ls.session.cancel_completion(begun)
            raise
        except CoderError as exc:
            ls.session.fail_completion(begun)
            ls.tell_once(types.MessageType.Error, notices.cannot_complete(str(exc)))
            return None
        except Exception:
            ls.session.fail_completion(begun)
            raise
    if completion is None:
        return ""
    ls.session.keep_completion(begun, completion)
    return completion.text
