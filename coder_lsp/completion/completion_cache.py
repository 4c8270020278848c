"""Recent answers; answers again when the user types through one.

It does not know how an answer came about: whoever changes the model or a setting starts a new one.
"""

from collections import deque
from dataclasses import dataclass

from coder_lsp.documents.document import DocumentSnapshot, after_closing_tail
from coder_lsp.postprocess.place import Place
from coder_lsp.postprocess.rules import apply_rules
from coder_lsp.settings import Multiline

_WINDOW = 1 << 18
"""Characters on either side of the cursor that must be as they were.

A document may have megabytes, and only this much of it is looked at, and only where all that is
cheap to compare agrees. It is more than a model sees of a document: 2,048 tokens of 128 blanks.
"""


class CompletionCache:
    """The last ``capacity`` completions, of all documents; used from one thread.

    Kept is what the model wrote, and the rules judge what is left of it at each place anew. An
    answer is given again where the document before the completion's cursor and after the present
    one is as it was, closing tails left aside, and what stands between is how the text began. Of
    the text around the cursor only a hash is kept.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._entries: deque[_Entry] = deque(maxlen=capacity)

    def find(self, snapshot: DocumentSnapshot, multiline: Multiline = "auto") -> str | None:
        """Return what is left of a recent completion at the cursor.

        None when there is none, or when all that is worth showing has been typed; "" when it was
        known that there is nothing to say here.
        """
        for entry in self._entries:
            if entry.is_for(snapshot):
                text = apply_rules(entry.rest(snapshot), Place.of(snapshot, multiline)).text
                if text or snapshot.offset == entry.offset:
                    return text
        return None

    def add(self, snapshot: DocumentSnapshot, raw: str) -> None:
        """Remember what the model wrote, "" when that was nothing."""
        offset = snapshot.offset
        tail = after_closing_tail(snapshot.text, offset)
        entry = _Entry(
            uri=snapshot.uri,
            language_id=snapshot.language_id,
            offset=offset,
            suffix_length=len(snapshot.text) - tail,
            surroundings=_hash_surroundings(snapshot.text, offset, tail),
            raw=raw.replace("\n", Place.of(snapshot, "auto").newline),
        )
        self._entries.appendleft(entry)

    def forget(self, uri: str) -> None:
        """Drop the completions of a document that was closed."""
        kept = [entry for entry in self._entries if entry.uri != uri]
        self._entries = deque(kept, maxlen=self._entries.maxlen)


@dataclass(frozen=True, slots=True)
class _Entry:
    """``raw`` has the document's line ends, so that it can be compared with what was typed."""

    uri: str
    language_id: str
    offset: int
    suffix_length: int
    surroundings: int
    raw: str

    def is_for(self, snapshot: DocumentSnapshot) -> bool:
        """Compare what is cheap first; the surroundings are hashed for the right entry only."""
        text, num_typed = snapshot.text, snapshot.offset - self.offset
        if not 0 <= num_typed <= len(self.raw) or self.uri != snapshot.uri:
            return False
        tail = after_closing_tail(text, snapshot.offset)
        return (
            self.suffix_length == len(text) - tail
            and self.language_id == snapshot.language_id
            and text.startswith(self.raw[:num_typed], self.offset)
            and self.surroundings == _hash_surroundings(text, self.offset, tail)
        )

    def rest(self, snapshot: DocumentSnapshot) -> str:
        return self.raw[snapshot.offset - self.offset :]


def _hash_surroundings(text: str, start: int, end: int) -> int:
    before, after = text[max(0, start - _WINDOW) : start], text[end : end + _WINDOW]
    return hash((before, after))
