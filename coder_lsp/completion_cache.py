"""Recent answers; answers again when the user types through one.

It does not know how an answer came about: whoever changes the model or a setting starts a new one.
"""

from collections import deque
from dataclasses import dataclass

from coder_lsp.document import DocumentSnapshot

_WINDOW = 1 << 18
"""Characters on either side of the cursor that must be as they were.

A document may have megabytes, and only this much of it is looked at, and only where all that is
cheap to compare agrees. It is more than a model sees of a document: 2,048 tokens of 128 blanks.
"""


class CompletionCache:
    """The last ``capacity`` completions, of all documents; used from one thread.

    An answer is given again where the document before the completion's cursor and after the present
    one is as it was, and what stands between is how the completion began. Of the text around the
    cursor only a hash is kept.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._entries: deque[_Entry] = deque(maxlen=capacity)

    def find(self, snapshot: DocumentSnapshot) -> str | None:
        """Return what is left of a recent completion at the cursor.

        None when there is none, or when all of it has been typed; "" when it was known that there
        is nothing to say here.
        """
        return next((e.rest(snapshot) for e in self._entries if e.is_for(snapshot)), None)

    def add(self, snapshot: DocumentSnapshot, text: str) -> None:
        """Remember a completion, or with "" that there was nothing to say."""
        offset = snapshot.offset
        entry = _Entry(
            uri=snapshot.uri,
            language_id=snapshot.language_id,
            offset=offset,
            suffix_length=len(snapshot.text) - offset,
            surroundings=_hash_surroundings(snapshot.text, offset, offset),
            text=text,
        )
        self._entries.appendleft(entry)

    def forget(self, uri: str) -> None:
        """Drop the completions of a document that was closed."""
        kept = [entry for entry in self._entries if entry.uri != uri]
        self._entries = deque(kept, maxlen=self._entries.maxlen)


@dataclass(frozen=True, slots=True)
class _Entry:
    uri: str
    language_id: str
    offset: int
    suffix_length: int
    surroundings: int
    text: str

    def is_for(self, snapshot: DocumentSnapshot) -> bool:
        """Compare what is cheap first; the surroundings are hashed for the right entry only."""
        num_typed = snapshot.offset - self.offset
        is_typed_through = 0 <= num_typed < len(self.text) or num_typed == 0
        return (
            is_typed_through
            and self.suffix_length == len(snapshot.text) - snapshot.offset
            and self.uri == snapshot.uri
            and self.language_id == snapshot.language_id
            and snapshot.text.startswith(self.text[:num_typed], self.offset)
            and self.surroundings == _hash_surroundings(snapshot.text, self.offset, snapshot.offset)
        )

    def rest(self, snapshot: DocumentSnapshot) -> str:
        return self.text[snapshot.offset - self.offset :]


def _hash_surroundings(text: str, start: int, end: int) -> int:
    before, after = text[max(0, start - _WINDOW) : start], text[end : end + _WINDOW]
    return hash((before, after))
