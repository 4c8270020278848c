"""Our types to theirs; with ``from_lsp`` the only place that knows how LSP counts columns."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.lsp import notices

ACCEPT_COMMAND = "coder-lsp.accept"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a completion goes: ``range`` holds the typed word before the cursor, on one line."""

    typed_word: str
    range: types.Range
    language_id: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A completion that may be shown; ``id`` comes back when the user takes it."""

    id: str
    place: Place
    text: str

    @property
    def full_text(self) -> str:
        """What stands in the place's range once the offer is taken."""
        return self.place.typed_word + self.text


def inline_completion_list(
    offers: Sequence[Offer],
) -> types.InlineCompletionList | list[types.InlineCompletionItem]:
    """Return the answer to ``textDocument/inlineCompletion``.

    An empty list and not null for nothing: Neovim 0.12 keeps showing the item before after null.
    """
    if not offers:
        return []
    return types.InlineCompletionList(items=[_inline_item(offer) for offer in offers])


def completion_list(offer: Offer | None) -> types.CompletionList:
    """Return the answer to ``textDocument/completion``.

    ``is_incomplete`` has the client ask again at the next character, also after nothing: a popup
    that stays open for another server's entries would only filter those. Everything is sent up
    front, an empty list of additional edits too: Helix would ask to resolve what is missing.
    """
    items = [] if offer is None else [_plain_item(offer)]
    return types.CompletionList(is_incomplete=True, items=items)


def _plain_item(offer: Offer) -> types.CompletionItem:
    label = _label(offer)
    return types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Text,
        detail="coder-lsp",
        documentation=_documentation(offer),
        preselect=True,
        sort_text="!",
        filter_text=label,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(offer.place.range, offer.full_text),
        additional_text_edits=[],
        command=_accept_command(offer),
    )


def place(document: OpenDocument, offset: int, encoding: str) -> Place:
    """Return where a completion at ``offset`` goes."""
    line = document.line_at(offset)
    line_start = document.line_start(line)
    line_prefix = document.text[line_start:offset]
    word = typed_word(line_prefix)
    end = num_units(line_prefix, encoding)
    start = end - num_units(word, encoding)
    return Place(
        word,
        types.Range(types.Position(line, start), types.Position(line, end)),
        document.language_id,
    )


def num_units(text: str, encoding: str) -> int:
    """Return how many columns a piece of a line takes."""
    if text.isascii() or encoding == types.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode("utf-8"))
    return len(text.encode("utf-16-le")) // 2


def typed_word(line_prefix: str) -> str:
    """Return the word that ends at the cursor: letters, digits, marks that combine, and ``_``."""
    start = len(line_prefix)
    while start > 0 and _is_of_word(line_prefix[start - 1]):
        start -= 1
    return line_prefix[start:]


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _inline_item(offer: Offer) -> types.InlineCompletionItem:
    return types.InlineCompletionItem(
        insert_text=offer.full_text,
        filter_text=offer.full_text,
        range=offer.place.range,
        command=_accept_command(offer),
    )


def _label(offer: Offer) -> str:
    """Return the typed word and the completion's first line, else the first line that says more."""
    first_line = offer.full_text.splitlines()[0]
    return first_line if first_line.strip() else offer.full_text.strip().splitlines()[0]


def _documentation(offer: Offer) -> types.MarkupContent:
    """Return the whole completion as a block of code, fenced by more than it holds itself."""
    fence = "```"
    while fence in offer.full_text:
        fence += "`"
    code = f"{fence}{offer.place.language_id}\n{offer.full_text}\n{fence}"
    return types.MarkupContent(types.MarkupKind.Markdown, code)


def _accept_command(offer: Offer) -> types.Command:
    return types.Command(notices.ACCEPTED, ACCEPT_COMMAND, arguments=[offer.id])
