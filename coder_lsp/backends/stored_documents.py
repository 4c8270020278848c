"""Which documents' cached sequences are kept on disk, when they are written and when read.

Only files, and none that looks like it held secrets: who can read a KV cache can read the text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from coder_lsp.backends.document_anchors import DocumentAnchors
from coder_lsp.documents.secret_files import looks_secret
from coder_lsp.prompt.anchor import Anchor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coder_lsp.backends.document_anchors import Place
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.engine import Engine
    from coder_lsp.prompt.line_encoder import LineEncoder


class StoredDocuments:
    """Stands between the anchors and the engine's disk cache; an engine may well have none."""

    def __init__(self, engine: Engine, encoder: LineEncoder) -> None:
        self._engine = engine
        self._encoder = encoder

    def recall(self, uri: str) -> DocumentAnchors:
        """Return a document's anchors: the one that was kept with its sequence, if any.

        With it a restarted server makes the prompt that lies on disk, not one like it.
        """
        anchors = DocumentAnchors(uri)
        if may_be_stored(uri):
            anchor = _parse_anchor(self._engine.note(uri), self._encoder)
            if anchor is not None:
                anchors.recall(anchor)
        return anchors

    def restore(
        self, uri: str, place: Place, prompt_ids: Sequence[int], cancellation: CancellationToken
    ) -> None:
        """Fill a place's sequence from disk, where memory holds nothing as good."""
        if may_be_stored(uri):
            self._engine.restore(place.sequence_id, uri, prompt_ids, cancellation)

    def save(self, uri: str, anchors: DocumentAnchors, cancellation: CancellationToken) -> None:
        """Write an open document's sequence in idle time, once enough of it is new."""
        if cancellation.is_cancelled or not may_be_stored(uri):
            return
        recent = self._engine.recent(anchors.sequence_ids)
        if recent is not None:
            self._engine.save(recent, uri, _note(anchors.whole(recent)), cancellation)

    def retire(self, uri: str, anchors: DocumentAnchors) -> None:
        """Write a closed document's sequence without keeping anybody waiting."""
        recent = self._engine.recent(anchors.sequence_ids)
        if recent is not None and may_be_stored(uri):
            self._engine.retire(recent, uri, _note(anchors.whole(recent)))


def may_be_stored(uri: str) -> bool:
    """Whether anything of a document may lie on disk: it is a file already, and no secret."""
    return uri.startswith("file:") and not looks_secret(uri)


def _note(anchor: Anchor | None) -> bytes:
    if anchor is None:
        return b""
    fields = [anchor.start, anchor.offset, anchor.prefix, anchor.suffix, anchor.is_suffix_whole]
    return json.dumps(fields).encode()


def _parse_anchor(note: bytes, encoder: LineEncoder) -> Anchor | None:
    """Return the anchor that ``_note`` wrote, None where it wrote none or is of another version."""
    try:
        start, offset, prefix, suffix, is_suffix_whole = json.loads(note)
    except ValueError:
        return None
    return Anchor(
        start=start,
        offset=offset,
        prefix=prefix,
        suffix=suffix,
        is_suffix_whole=is_suffix_whole,
        prefix_ids=tuple(encoder.encode(prefix)),
        suffix_ids=tuple(encoder.encode(suffix)),
    )
