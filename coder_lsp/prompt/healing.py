"""Token healing: which end of the typed text to take back, so that the model writes it itself.

Typed text may end inside a word, or after blanks of which the last belongs to the next word's
token. Its last token is then not one that the model would have chosen there, and what follows is
worse for it. The text taken back is a constraint on what is generated, not a suggestion.
"""

import re

MAX_HEALED = 64
"""Code points; a longer end is left as it is."""

# The ends of what the V2 pre-tokenizer keeps together: a run of blanks, or letters or punctuation
# with the one blank before them. A digit and a newline are always tokens of their own.
_UNFINISHED = re.compile(r"(?:[^\S\r\n]+|[^\S\r\n]?[^\W\d_]+|[^\S\r\n]?(?:[^\w\s]|_)+)\Z")


def healing_start(typed: str) -> int:
    """Return the offset in ``typed`` from which on its text is to be generated again."""
    match = _UNFINISHED.search(typed, max(0, len(typed) - MAX_HEALED - 1))
    if match is None or len(typed) - match.start() > MAX_HEALED:
        return len(typed)
    return match.start()
