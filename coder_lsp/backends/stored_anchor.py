"""An anchor as a small JSON file beside the sequence that was computed for it."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from coder_lsp.errors import FormatError
from coder_lsp.json_input import in_range, parse_json, structure
from coder_lsp.prompt.anchor import Anchor
from coder_lsp.prompt.line_encoder import LineEncoder, lines_of

_VERSION = 1
_Offset = Annotated[int, in_range(0, 1 << 40)]


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """The texts of a sequence on disk; ``typed`` was computed too, and is no part of the anchor."""

    version: Annotated[int, in_range(_VERSION, _VERSION)]
    uri: str
    start: _Offset
    offset: _Offset
    prefix: str
    suffix: str
    is_suffix_whole: bool
    typed: str

    @classmethod
    def of(cls, uri: str, anchor: Anchor, typed: str) -> "StoredAnchor":
        """Return what to store of an anchor."""
        return cls(
            _VERSION,
            uri,
            anchor.start,
            anchor.offset,
            anchor.prefix,
            anchor.suffix,
            anchor.is_suffix_whole,
            typed,
        )

    @classmethod
    def parse(cls, note: bytes) -> "StoredAnchor | None":
        """Return what ``to_json`` wrote; None for anything else."""
        try:
            stored: StoredAnchor = structure(parse_json(note, "note"), cls, "note")
        except FormatError:
            return None
        return stored

    def to_json(self) -> bytes:
        """Return the content of the file."""
        return json.dumps(asdict(self)).encode()

    def anchor(self, encoder: LineEncoder) -> Anchor:
        """Return the anchor."""
        return Anchor(
            start=self.start,
            offset=self.offset,
            prefix=self.prefix,
            suffix=self.suffix,
            is_suffix_whole=self.is_suffix_whole,
            prefix_ids=tuple(encoder.encode(self.prefix)),
            suffix_ids=tuple(encoder.encode(self.suffix)),
        )

    def is_in(self, text: str) -> bool:
        """Whether a file's text contains all text of the sequence."""
        text = _normalised(text)
        return all(_normalised(part) in text for part in (self.prefix + self.typed, self.suffix))


def _normalised(text: str) -> str:
    """Return a text as the model sees it, whose line ends an editor may change when it saves."""
    return "".join(lines_of(text))
