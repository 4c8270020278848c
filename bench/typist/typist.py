"""Hands on a keyboard, and the editor that helps them: indents, closes brackets, steps over."""

import random
from typing import Literal

from bench.trace import EventKind, TraceEvent
from bench.typist.draft import Draft, Region
from bench.typist.pauses import key_pause_ms, thinking_pause_ms

Closing = Literal["nothing", "braces", "everything"]
"""What the editor closes by itself; ``braces``: only one that ends its line, no other bracket."""

TYPO_SHARE = 0.03
"""Of letters; our choice. Half of the typos are noticed a letter late."""

THOUGHTFUL_SHARE = 0.5
"""Of lines, those before which the typist thinks; our choice."""

_CLOSER_OF = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}
_QUOTES = "\"'`"
_LETTERS = "etaoinshrdlucmfwypvbgkqjxz"


class Typist:
    """Writes regions of drafts and records it; ``events`` is the trace so far."""

    def __init__(self, chance: random.Random, closing: Closing) -> None:
        self.events: list[TraceEvent] = []
        self._chance = chance
        self._closing = closing
        self._clock_ms = thinking_pause_ms(chance) + 2000
        self._place: tuple[str, int] | None = None
        self._is_thoughtful = False

    # What a typist does

    def write(self, draft: Draft, region: Region, num_characters: int | None = None) -> None:
        """Type a region on from where it was left, all of it or about ``num_characters``."""
        self._go_to(draft, draft.offset_of(region) + region.cursor)
        length = len(region.final)
        stop = length if num_characters is None else region.num_written + num_characters
        while region.num_written < min(stop, length):
            self._write_key(draft, region)

    def write_over(self, draft: Draft, region: Region) -> None:
        """Erase what stands in a region's place, character by character, and type the region."""
        end = draft.offset_of(region) + region.length
        self._go_to(draft, end)
        for _ in range(region.length):
            self._backspace(draft, region, 1)
        self.write(draft, region)

    def paste(self, draft: Draft, region: Region, kind: EventKind = "insert") -> None:
        """Put in the rest of a region at once."""
        self._go_to(draft, draft.offset_of(region) + region.cursor)
        self._insert(draft, region, region.rest, len(region.rest), kind)
        region.num_written = len(region.final)

    def accept(self, draft: Draft, region: Region, num_lines: int) -> None:
        """Take an offer: the rest of the line, and of so many lines."""
        self._go_to(draft, draft.offset_of(region) + region.cursor)
        end = region.num_written
        for _ in range(num_lines):
            newline = region.final.find("\n", end + 1)
            end = len(region.final) if newline < 0 else newline
        # An offer stops before what the editor has closed already.
        end = min([end, *(c for c in region.closers if c >= region.num_written)])
        offered = region.final[region.num_written : end].rstrip()
        end = region.num_written + len(offered)
        if offered:
            self._insert(draft, region, offered, len(offered), "accept")
            region.num_written = end

    def open(self, draft: Draft, region: Region) -> None:
        """Open another document with the cursor where a region goes."""
        self._think()
        offset = draft.offset_of(region) + region.cursor
        self._record("open", draft.path, offset, draft.text)
        self._place = draft.path, offset

    # Keys

    def _write_key(self, draft: Draft, region: Region) -> None:
        rest = region.rest
        closer = self._closer_ahead(draft, region)
        if closer is not None:
            self._step_over(draft, region, closer)
        elif rest[0] == "\n":
            self._enter(draft, region)
        elif self._closes(draft, region):
            opener = rest[0]
            region.closers.add(_match(region.final, region.num_written))
            self._insert(draft, region, opener + _CLOSER_OF[opener], 1)
            region.num_written += 1
        else:
            if rest[0].isalpha() and self._chance.random() < TYPO_SHARE:
                self._slip(draft, region)
            self._insert(draft, region, rest[0], 1)
            region.num_written += 1

    def _closer_ahead(self, draft: Draft, region: Region) -> int | None:
        """Return the offset in ``final`` of a closer that comes next and is there already."""
        blank = len(region.rest) - len(region.rest.lstrip())
        closer = region.num_written + blank
        if closer not in region.closers:
            return None
        here = draft.offset_of(region) + region.cursor
        expected = region.final[region.num_written : closer + 1]
        return closer if draft.text.startswith(expected, here) else None

    def _step_over(self, draft: Draft, region: Region, closer: int) -> None:
        region.closers.remove(closer)
        region.cursor += closer + 1 - region.num_written
        region.num_written = closer + 1
        offset = draft.offset_of(region) + region.cursor
        self._wait()
        self._record("move", draft.path, offset, "")
        self._place = draft.path, offset

    def _enter(self, draft: Draft, region: Region) -> None:
        """Press Enter; the editor indents, and puts a closing brace on a line of its own."""
        self._wait()
        here = draft.offset_of(region) + region.cursor
        line = draft.text[draft.text.rfind("\n", 0, here) + 1 : here]
        indent = line[: len(line) - len(line.lstrip())]
        deeper = indent + _indent_unit(draft.language) * _opens_block(line, draft.language)
        if line and not line.strip():  # a blank line keeps no indentation
            self._record("delete", draft.path, here - len(line), line)
            draft.replace(region, here - len(line), here, "")
            region.cursor -= len(line)
            deeper = line
        region.num_written += 1
        after = draft.text[draft.offset_of(region) + region.cursor :]
        if line.rstrip()[-1:] in set("{[(") and after[:1] == _CLOSER_OF[line.rstrip()[-1]]:
            self._insert_now(draft, region, f"\n{deeper}\n{indent}", 1 + len(deeper))
        else:
            self._insert_now(draft, region, "\n" + deeper, 1 + len(deeper))
        self._is_thoughtful = self._chance.random() < THOUGHTFUL_SHARE
        self._correct_indent(draft, region, deeper)

    def _correct_indent(self, draft: Draft, region: Region, indent: str) -> None:
        """Bring the indentation of a new line from the editor's to the finished text's."""
        rest = region.rest
        wanted = rest[: len(rest) - len(rest.lstrip(" \t"))]
        if rest.startswith("\n") or rest[len(wanted) :].startswith("\n"):
            return  # a blank line: the next Enter takes the indentation away
        if self._closer_after_blank(region):
            return
        unit = _indent_unit(draft.language)
        while len(indent) > len(wanted):
            step = unit if indent.endswith(unit) else indent[-1]
            self._backspace(draft, region, len(step))
            indent = indent[: -len(step)]
        while len(indent) < len(wanted):
            step = unit if wanted.startswith(indent + unit) else wanted[len(indent)]
            self._insert(draft, region, step, len(step))
            indent += step
        region.num_written += len(wanted)

    def _closer_after_blank(self, region: Region) -> bool:
        blank = len(region.rest) - len(region.rest.lstrip())
        return region.num_written + blank in region.closers

    def _closes(self, draft: Draft, region: Region) -> bool:
        """Whether the editor closes what comes next."""
        opener, place = region.rest[0], region.num_written
        if opener not in _CLOSER_OF or self._closing == "nothing":
            return False
        if self._closing == "braces" and not region.rest.startswith("{\n"):
            return False
        if _match(region.final, place) < 0:
            return False
        here = draft.offset_of(region) + region.cursor
        before, after = draft.text[here - 1 : here], draft.text[here : here + 1]
        if opener in _QUOTES and (before.isalnum() or opener in (before, after)):
            return False
        if opener == "'" and draft.language == "rust":  # there it starts lifetimes, too
            return False
        return not after or after.isspace() or after in ")]};,\"'`>"

    def _slip(self, draft: Draft, region: Region) -> None:
        """Hit a wrong key, notice it at once or one letter later, and take it back."""
        wrong = self._chance.choice(_LETTERS)
        typed = wrong + (region.rest[0] if self._chance.random() < 0.5 else "")
        for character in typed:
            self._insert(draft, region, character, 1)
        for _ in typed:
            self._backspace(draft, region, 1)

    # Recording

    def _backspace(self, draft: Draft, region: Region, num_characters: int) -> None:
        self._wait()
        end = self._place[1] if self._place else 0
        start = end - num_characters
        self._record("delete", draft.path, start, draft.text[start:end])
        draft.replace(region, start, end, "")
        region.cursor = start - draft.offset_of(region)
        self._place = draft.path, start

    def _insert(
        self, draft: Draft, region: Region, text: str, advance: int, kind: EventKind = "insert"
    ) -> None:
        self._wait()
        self._insert_now(draft, region, text, advance, kind)

    def _insert_now(
        self, draft: Draft, region: Region, text: str, advance: int, kind: EventKind = "insert"
    ) -> None:
        here = draft.offset_of(region) + region.cursor
        self._record(kind, draft.path, here, text)
        draft.replace(region, here, here, text)
        region.cursor += advance
        self._place = draft.path, here + advance

    def _go_to(self, draft: Draft, offset: int) -> None:
        if self._place is not None and self._place != (draft.path, offset):
            self._think()
            kind: EventKind = "move" if self._place[0] == draft.path else "switch"
            self._record(kind, draft.path, offset, "")
        self._place = draft.path, offset

    def _record(self, kind: EventKind, path: str, offset: int, text: str) -> None:
        self.events.append(TraceEvent(self._clock_ms, kind, path, offset, text))

    def _wait(self) -> None:
        if self._is_thoughtful:
            self._think()
        self._clock_ms += key_pause_ms(self._chance)

    def _think(self) -> None:
        self._is_thoughtful = False
        self._clock_ms += thinking_pause_ms(self._chance)


def _match(text: str, opener: int) -> int:
    """Return the offset of what closes the bracket or quote at ``opener``, -1 without one."""
    character = text[opener]
    if character in _QUOTES:
        end = text.find("\n", opener)
        closer = text.find(character, opener + 1, len(text) if end < 0 else end)
        is_plain = not text.startswith(character * 3, opener) and "\\" not in text[opener:closer]
        return closer if is_plain else -1
    depth = 0
    for i in range(opener, len(text)):
        depth += (text[i] == character) - (text[i] == _CLOSER_OF[character])
        if depth == 0:
            return i
    return -1


def _indent_unit(language: str) -> str:
    return {"go": "\t", "typescript": "  "}.get(language, "    ")


def _opens_block(line: str, language: str) -> bool:
    end = line.rstrip()[-1:]
    return end != "" and (end in "{[(" or (end == ":" and language == "python"))
