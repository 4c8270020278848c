"""Which documents' cached sequences are on disk, and the anchors that belong to them.

A reader of a KV cache can read its text. So nothing is kept of a document that is no file, that
looks secret or that is in a temporary folder, and of other files only text that is in the file
itself. What a user deletes from a file is gone from here when the document is closed. The other
files are checked when a server starts and when it ends.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from coder_lsp.backends.stored_anchor import StoredAnchor
from coder_lsp.documents.secret_files import looks_secret
from coder_lsp.paths import is_temporary, path_of_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coder_lsp.backends.document_anchors import Anchored
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.engine.engine import Engine
    from coder_lsp.engine.store.sequence_folder import SequenceFolder
    from coder_lsp.prompt.anchor import Anchor
    from coder_lsp.prompt.line_encoder import LineEncoder

    PromptIds = Callable[[Anchor, str], Sequence[int]]
    """From an anchor and the text typed since to the token ids of the prompt."""

_MAX_FILE_BYTES = 16 << 20


class StoredDocuments:
    """Decides what the engine's disk cache may hold; without a ``folder`` that is nothing."""

    def __init__(
        self,
        engine: Engine,
        folder: SequenceFolder | None,
        encoder: LineEncoder,
        prompt_ids: PromptIds,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._encoder = encoder
        self._prompt_ids = prompt_ids

    def document(self, uri: str) -> str:
        """Return the engine's name of a document on disk; empty if it may not be there."""
        return uri if self._folder is not None and may_be_stored(uri) else ""

    def anchor(self, uri: str) -> Anchor | None:
        """Return the anchor that was kept with a document's sequence.

        With it a restarted server builds the prompt that is on disk, not one like it.
        """
        stored = self._stored(uri)
        return None if stored is None else stored.anchor(self._encoder)

    def save(self, uri: str, anchored: Anchored | None, cancellation: CancellationToken) -> None:
        """Write an open document's sequence in idle time, if enough of it is new."""
        allowed = None if cancellation.is_cancelled else self._allowed(uri, anchored)
        if allowed is None or anchored is None or self._folder is None:
            return
        prompt_ids = self._prompt_ids(anchored.anchor, allowed.typed)
        if self._engine.save(anchored.sequence_id, prompt_ids, uri, cancellation):
            self._folder.write_note(self._engine.stored_name(uri), allowed.to_json())

    def retire(self, uri: str, anchored: Anchored | None) -> None:
        """Write a closed document's sequence meanwhile; remove what is gone from the file."""
        if self._folder is None or not self.document(uri):
            return
        name, allowed = self._engine.stored_name(uri), self._allowed(uri, anchored)
        if allowed is not None and anchored is not None:
            prompt_ids = self._prompt_ids(anchored.anchor, allowed.typed)
            if self._engine.retire(anchored.sequence_id, prompt_ids, uri):
                self._folder.write_note(name, allowed.to_json())
        self._remove_if_gone(name)

    def remove_gone(self) -> None:
        """Remove the sequences whose file is gone, or does not hold their text any more."""
        if self._folder is not None:
            for name in self._folder.noted_names():
                self._remove_if_gone(name)

    def _stored(self, uri: str) -> StoredAnchor | None:
        if self._folder is None or not self.document(uri):
            return None
        note = self._folder.read_note(self._engine.stored_name(uri))
        return None if note is None else StoredAnchor.parse(note)

    def _remove_if_gone(self, name: str) -> None:
        assert self._folder is not None
        note = self._folder.read_note(name)
        stored = None if note is None else StoredAnchor.parse(note)
        text = None if stored is None else _text_of(stored.uri)
        if stored is None or text is None or not stored.is_in(text):
            self._folder.remove(name)

    def _allowed(self, uri: str, anchored: Anchored | None) -> StoredAnchor | None:
        """Return what of an anchored prompt may be stored: what the file holds as well."""
        text = _text_of(uri) if anchored is not None and self.document(uri) else None
        if text is None or anchored is None:
            return None
        choices = (StoredAnchor.of(uri, anchored.anchor, typed) for typed in (anchored.typed, ""))
        return next((stored for stored in choices if stored.is_in(text)), None)


def may_be_stored(uri: str) -> bool:
    """Whether anything of a document may be on disk: it is a lasting file, and no secret."""
    path = path_of_uri(uri)
    return path is not None and not is_temporary(path) and not looks_secret(uri)


def _text_of(uri: str) -> str | None:
    """Return the text of a document's file; None if it is gone, or too large to be looked at."""
    path = path_of_uri(uri)
    if path is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        if path.is_file() and path.stat().st_size <= _MAX_FILE_BYTES:
            return path.read_bytes().decode("utf-8", "replace")
    return None
