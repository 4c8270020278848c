"""Recent completions, which answer again while the user types through one of them."""

from collections import deque
from dataclasses import dataclass

from coder_lsp.completion.shown_text import shown_text
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.documents.typed_text import Surroundings, with_newlines
from coder_lsp.generation import FinishReason
from coder_lsp.postprocess.rules import Outcome
from coder_lsp.settings import Multiline


@dataclass(frozen=True, slots=True)
class _Entry:
    surroundings: Surroundings
    language_id: str
    raw: str
    finish_reason: FinishReason
    is_instruct: bool


class CompletionCache:
    """The last ``capacity`` completions, of all documents; used from one thread.

    An entry holds what the model wrote and why it ended. The rules judge what is left of it at each
    place anew, exactly as they judge a new text. If the model or a setting changes, the owner
    clears the cache.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._entries: deque[_Entry] = deque(maxlen=capacity)

    def find(self, snapshot: DocumentSnapshot, multiline: Multiline = "auto") -> Outcome | None:
        """Return what is left of a recent completion at the cursor.

        None if there is none, or if everything worth showing has been typed. An empty text means
        that there is nothing to say here.
        """
        for entry in self._entries:
            if entry.language_id != snapshot.language_id:
                continue
            typed = entry.surroundings.typed_since(snapshot)
            if typed is None or not entry.raw.startswith(typed):
                continue
            outcome = shown_text(
                entry.raw[len(typed) :],
                entry.finish_reason,
                snapshot,
                multiline,
                is_instruct=entry.is_instruct,
            )
            if outcome.text or not typed:
                return outcome
        return None

    def add(
        self,
        snapshot: DocumentSnapshot,
        raw: str,
        finish_reason: FinishReason = "stop",
        *,
        is_instruct: bool = False,
    ) -> None:
        """Remember what the model wrote at the snapshot's cursor, "" if that was nothing."""
        entry = _Entry(
            Surroundings.of(snapshot),
            snapshot.language_id,
            with_newlines(raw),
            finish_reason,
            is_instruct,
        )
        self._entries.appendleft(entry)

    def forget(self, uri: str) -> None:
        """Drop the completions of a document that was closed."""
        kept = [entry for entry in self._entries if entry.surroundings.uri != uri]
        self._entries = deque(kept, maxlen=self._entries.maxlen)

    def clear(self) -> None:
        """Drop all completions."""
        self._entries.clear()
