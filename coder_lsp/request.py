"""A request for a completion: one frozen value, from the editor's edge down to the backend."""

from dataclasses import dataclass
from typing import Literal

from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.generation import Branch, GenerationOptions
from coder_lsp.settings import Multiline
from coder_lsp.snippet import Snippet

Feature = Literal["inline", "plain"]
"""Which of LSP's two completion requests; each supersedes only its own kind."""

FEATURES: tuple[Feature, ...] = ("inline", "plain")


@dataclass(frozen=True, slots=True)
class Request:
    """Fill in the middle of a document at its cursor; ``snippets`` are in a stable order.

    ``branch`` is the alternative token from which to continue instead of the most likely one.
    ``raw``: no rule stops or changes the model's text. ``is_explicit``: a command asked for it.
    ``selected`` is the part of the selected popup item that is not in the document yet; the
    snapshot contains it before its cursor.
    """

    snapshot: DocumentSnapshot
    options: GenerationOptions
    multiline: Multiline = "auto"
    snippets: tuple[Snippet, ...] = ()
    branch: Branch | None = None
    raw: bool = False
    feature: Feature = "inline"
    is_explicit: bool = False
    selected: str = ""
