"""What one client does: its documents, its settings, its requests, and what became of the answers.

Used from the event loop only. A worker gets frozen requests and cancellation tokens, never the
session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coder_lsp.errors import DocumentError
from coder_lsp.generation import GenerationOptions
from coder_lsp.paths import is_nameless
from coder_lsp.request import Request
from coder_lsp.settings import Settings, apply_options, needs_reload
from coder_lsp.usage.acceptance import ShownCompletions
from coder_lsp.usage.counts import Counts, UsageTally
from coder_lsp.usage.recorder import UsageRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coder_lsp.completion.completion import Completion
    from coder_lsp.documents.document import DocumentSnapshot
    from coder_lsp.documents.open_document import OpenDocument
    from coder_lsp.request import Feature
    from coder_lsp.scheduling.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What came of new settings; ``problems`` are those that the user was not told before."""

    problems: tuple[str, ...]
    needs_reload: bool


class Session:
    """Documents by URI, the settings, and the completions on show."""

    def __init__(
        self, settings: Settings, scheduler: Scheduler, warn: Callable[[str], None]
    ) -> None:
        """``warn`` gets what the user should know of the counts that are kept on disk."""
        self.settings = settings
        self.completes_inline = False
        self.tells_acceptance = False
        self.last_completion: Completion | None = None
        self.initial_problems: tuple[str, ...] = ()
        self.tally = UsageTally("unknown")
        self.recorder = UsageRecorder(self.tally, warn)
        self._scheduler = scheduler
        self._base_settings = settings
        self._told: set[str] = set()
        self._documents: dict[str, OpenDocument] = {}
        self._num_nameless: dict[str, int] = {}  # open documents by a URI that names none
        self._shown = ShownCompletions(self._count)
        self._num_accepted = 0

    # Settings

    def initialize_settings(self, options: Any) -> None:
        """Apply what the client sent with ``initialize``; later options are applied on top."""
        self._base_settings, problems = apply_options(self._base_settings, options)
        change = self._change_settings(self._base_settings, tuple(p.message for p in problems))
        self.initial_problems = change.problems

    def change_settings(self, options: Any) -> SettingsChange:
        """Apply the client's whole section as it is now; what it leaves out falls back."""
        settings, problems = apply_options(self._base_settings, options)
        return self._change_settings(settings, tuple(p.message for p in problems))

    def is_news(self, message: str) -> bool:
        """Whether the user was not told this before; from now on they were."""
        is_news = message not in self._told
        self._told.add(message)
        return is_news

    def _change_settings(self, settings: Settings, problems: tuple[str, ...]) -> SettingsChange:
        before, self.settings = self.settings, settings
        self._scheduler.apply_settings(settings)
        new_problems = tuple(filter(self.is_news, problems))
        return SettingsChange(new_problems, needs_reload(before, settings))

    # Documents

    def document(self, uri: str) -> OpenDocument | None:
        """Return an open document."""
        return self._documents.get(uri)

    def open_document(self, document: OpenDocument) -> None:
        """Take a document in; one that is open already is replaced.

        Neovim gives all buffers without a name one URI, ``file://``. While several are open, edits
        cannot be told apart, so none of them is completed.
        """
        uri = document.uri
        self._shown.withdraw(uri)
        if is_nameless(uri):
            self._num_nameless[uri] = self._num_nameless.get(uri, 0) + 1
            if self._num_nameless[uri] > 1:
                self._documents.pop(uri, None)
                self._scheduler.document_closed(uri)
                return
        self._scheduler.document_opened(uri)
        self._documents[uri] = document

    def change_document(self, uri: str, version: int, edit: Callable[[OpenDocument], None]) -> None:
        """Bring a document to its next version. Raises ``DocumentError`` if it is not open."""
        document = self._documents.get(uri)
        if document is None:
            raise DocumentError("A document was changed that is not open; open it first.")
        edit(document)
        # A client may send no version, or the same one twice; each text needs its own.
        document.version = max(version, document.version + 1)
        self._scheduler.document_changed(document)
        self._shown.edit(uri, document.take_edits())
        self.recorder.note()

    def close_document(self, uri: str) -> None:
        """Let go of a document; an unknown one does no harm."""
        self._documents.pop(uri, None)
        if uri in self._num_nameless:
            self._num_nameless[uri] -= 1
            if self._num_nameless[uri] == 0:
                del self._num_nameless[uri]
        self._shown.withdraw(uri)
        self._scheduler.document_closed(uri)

    # Completions

    def request(
        self,
        snapshot: DocumentSnapshot,
        feature: Feature,
        *,
        is_explicit: bool = False,
        selected: str = "",
    ) -> Request:
        """Return a request at a snapshot's cursor, as the settings want it.

        Alternatives are wanted only for an explicit request. ``selected``: see ``Request``.
        """
        num_alternatives = self.settings.alternatives - 1 if is_explicit else 0
        options = GenerationOptions(self.settings.max_new_tokens, num_branches=num_alternatives)
        return Request(
            snapshot,
            options,
            self.settings.multiline,
            feature=feature,
            is_explicit=is_explicit,
            selected=selected,
        )

    async def complete(self, request: Request, replaced: str = "") -> tuple[tuple[str, str], ...]:
        """Return an id and a text for each completion to show, the best first.

        Empty if there is nothing to show, or if the request was superseded. ``replaced`` is the
        text before the cursor that the client replaces along with the completion. Raises
        ``CoderError`` and ``asyncio.CancelledError``.
        """
        completion = await self._scheduler.complete(request)
        if completion is None:
            return ()
        self.last_completion = completion
        snapshot = request.snapshot
        if not completion.text:
            self._shown.withdraw(snapshot.uri)
            return ()
        texts = (completion.text, *completion.alternatives)
        ids = self._shown.show(
            snapshot.uri,
            snapshot.language_id,
            snapshot.offset - len(request.selected),
            [request.selected + text for text in texts],
            replaced=replaced,
            is_inferred=not self.tells_acceptance,
        )
        self.recorder.note()
        return tuple(zip(ids, texts, strict=False))

    def is_underway(self, uri: str, feature: Feature) -> bool:
        """Whether a request of a feature waits for its answer."""
        return self._scheduler.is_underway(uri, feature)

    def accept(self, completion_id: str, num_characters: int | None) -> None:
        """Count that the user took a completion, or so many characters of it."""
        self._shown.accept(completion_id, num_characters)
        self.recorder.note()

    def stats(self) -> Mapping[str, int]:
        """Return counters for people to read."""
        return {
            "documents": len(self._documents),
            "characters": sum(len(d.text) for d in self._documents.values()),
            "accepted": self._num_accepted,
            **self._scheduler.stats(),
        }

    def _count(self, language: str, counts: Counts) -> None:
        self._num_accepted += counts.accepted
        self.tally.add(language, counts)
