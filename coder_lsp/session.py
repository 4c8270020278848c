"""All mutable state of the server: documents, settings, completions under way, recent answers.

Everything here is used from one thread, the event loop's. A worker is given a frozen request and a
cancellation token, never the session.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.completer import Completion, CompletionRequest, RunningCompletion
from coder_lsp.completion.completion_cache import CompletionCache
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.errors import DocumentError
from coder_lsp.generation import GenerationOptions
from coder_lsp.settings import Settings, apply_options, needs_reload
from coder_lsp.usage.acceptance import ShownCompletions
from coder_lsp.usage.counts import Counts, UsageTally

Feature = Literal["inline", "plain"]
"""Which of LSP's two completion requests; each supersedes only its own kind."""

FEATURES: tuple[Feature, ...] = ("inline", "plain")

Source = Literal["running", "trie", "cache", "model"]
"""Where an answer came from: a generation already under way, a recent completion, the model with a
prompt of which part was cached, or the model with a prompt of which nothing was."""


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What came of new settings; ``problems`` are those of which the user was not told before."""

    problems: tuple[str, ...]
    needs_reload: bool


@dataclass(frozen=True, slots=True)
class BegunCompletion:
    """A completion under way: what a worker may have of it.

    ``is_repeated``: the same was asked for just before. ``ahead`` is the end of the request's text
    up to its cursor that is only selected in a popup, and not in the document yet.
    """

    feature: Feature
    request: CompletionRequest
    cancellation: CancellationToken
    is_repeated: bool
    ahead: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say to a request. ``completion`` is None for a recent one, which cost nothing.

    ``others`` are alternatives to ``text``.
    """

    text: str
    source: Source
    completion: Completion | None = None
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Counters:
    """What happened so far. Every request ends as exactly one of the last five.

    The first two count tokens for which nobody waited: of prompts, and generated ones.
    """

    background_tokens: int = 0
    background_generated_tokens: int = 0
    accepted: int = 0
    requests: int = 0
    shown: int = 0
    empty: int = 0
    superseded: int = 0
    cancelled: int = 0
    failed: int = 0


class Session:
    """Documents by URI, at most one completion under way for each document and feature."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counters = Counters()
        self.client_completes_inline = False
        self.client_tells_acceptance = False
        self.tally = UsageTally("unknown")
        self.last_answer: Answer | None = None
        self._base_settings = settings
        self._told: set[str] = set()
        self._documents: dict[str, OpenDocument] = {}
        self._underway: dict[tuple[str, Feature], CancellationToken] = {}
        self._last_asked: dict[tuple[str, Feature], tuple[int, int, str]] = {}
        self._completion_cache = CompletionCache()
        self._shown = ShownCompletions(self._count)

    # Settings

    def initialize_settings(self, options: Any) -> SettingsChange:
        """Apply what the client sent with ``initialize``; later options are applied on top."""
        self._base_settings, problems = apply_options(self._base_settings, options)
        return self._change_settings(self._base_settings, tuple(p.message for p in problems))

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
        if before != settings:
            self._completion_cache = CompletionCache()
        is_reloading = needs_reload(before, settings)
        if is_reloading:
            self.cancel_all()
        return SettingsChange(tuple(filter(self.is_news, problems)), is_reloading)

    # Documents

    def open_document(self, document: OpenDocument) -> None:
        """Take a document in; one that is open already is replaced."""
        self._supersede_document(document.uri)
        self._documents[document.uri] = document

    def document(self, uri: str) -> OpenDocument | None:
        """Return an open document."""
        return self._documents.get(uri)

    def edit_document(
        self, uri: str, version: int, edit: Callable[[OpenDocument], None]
    ) -> OpenDocument:
        """Bring a document to its next version, and return it. Raises ``DocumentError``.

        A completion under way for the version before could not be shown any more.
        """
        document = self._documents.get(uri)
        if document is None:
            raise DocumentError("A document was changed that is not open; open it first.")
        self._supersede_document(uri)
        edit(document)
        document.version = version
        self._shown.edit(uri, document.take_edits())
        return document

    def close_document(self, uri: str) -> None:
        """Let go of a document; an unknown one does no harm."""
        self._supersede_document(uri)
        self._documents.pop(uri, None)
        self._completion_cache.forget(uri)
        for feature in FEATURES:
            self._last_asked.pop((uri, feature), None)
        self._shown.withdraw(uri)

    # Completions

    def begin_completion(
        self,
        snapshot: DocumentSnapshot,
        feature: Feature,
        *,
        num_others: int = 0,
        ahead: str = "",
    ) -> BegunCompletion:
        """Make a request of a snapshot, and supersede the document's earlier one.

        ``num_others``: how many alternatives will be wanted; ``ahead``: see ``BegunCompletion``.
        """
        self.counters.requests += 1
        key = snapshot.uri, feature
        self._supersede(*key)
        options = GenerationOptions(
            max_new_tokens=self.settings.max_new_tokens, num_branches=num_others
        )
        request = CompletionRequest(snapshot, options, self.settings.multiline)
        asked = snapshot.version, snapshot.offset, ahead
        is_repeated = self._last_asked.get(key) == asked
        self._last_asked[key] = asked
        begun = BegunCompletion(feature, request, CancellationToken(), is_repeated, ahead)
        self._underway[key] = begun.cancellation
        return begun

    def is_underway(self, uri: str, feature: Feature) -> bool:
        """Whether a completion is under way for a document."""
        return (uri, feature) in self._underway

    def find_answer(self, begun: BegunCompletion) -> Answer | None:
        """Return what a recent completion still says at the cursor, None when none does."""
        if not self.settings.completion_cache:
            return None
        request = begun.request
        text = self._completion_cache.find(request.snapshot, request.multiline)
        return None if text is None else Answer(text, "trie")

    def keep_completion(self, running: RunningCompletion) -> None:
        """Keep what the model wrote, for typing through it."""
        if self.settings.completion_cache and running.finish_reason != "cancelled":
            self._completion_cache.add(running.request.snapshot, running.raw)

    def end_completion(
        self, begun: BegunCompletion, answer: Answer, replaced: str
    ) -> tuple[str, ...]:
        """End a completion; return an id for each text of the answer when it may be shown.

        ``replaced`` is the text before the cursor that the client replaces along with the rest.
        None of them when there is nothing to show or when the document has moved on meanwhile.
        """
        if begun.cancellation.is_cancelled:
            self.counters.superseded += 1
            return ()
        self._forget_underway(begun)
        self.last_answer = answer
        snapshot = begun.request.snapshot
        if not answer.text:
            self.counters.empty += 1
            self._shown.withdraw(snapshot.uri)
            return ()
        self.counters.shown += 1
        if self.settings.completion_cache and answer.others:
            self._keep_choice(snapshot, (answer.text, *answer.others))
        return self._shown.show(
            snapshot.uri,
            snapshot.language_id,
            snapshot.offset - len(begun.ahead),
            [begun.ahead + text for text in (answer.text, *answer.others)],
            replaced=replaced,
            is_inferred=not self.client_tells_acceptance,
        )

    def fail_completion(self, begun: BegunCompletion) -> None:
        """End a completion that met an error."""
        self.counters.failed += 1
        self._forget_underway(begun)

    def cancel_completion(self, begun: BegunCompletion) -> None:
        """End a completion that the client does not want any more."""
        self.counters.cancelled += 1
        begun.cancellation.cancel()
        self._forget_underway(begun)

    def accept(self, offer_id: str, num_characters: int | None) -> None:
        """Count that the user took an offer, or so many characters of it."""
        self._shown.accept(offer_id, num_characters)

    def cancel_all(self) -> None:
        """Cancel everything under way."""
        for uri, feature in tuple(self._underway):
            self._supersede(uri, feature)

    def stats(self) -> Mapping[str, int]:
        """Return counters for people to read."""
        return {
            "documents": len(self._documents),
            "characters": sum(len(d.text) for d in self._documents.values()),
            "underway": len(self._underway),
            **dataclasses.asdict(self.counters),
        }

    def _keep_choice(self, snapshot: DocumentSnapshot, texts: tuple[str, ...]) -> None:
        """Keep alternatives for typing through any of them; the first stays the first answer."""
        for text in reversed(texts):
            self._completion_cache.add(snapshot, text.replace("\r\n", "\n"))

    def _count(self, language: str, counts: Counts) -> None:
        self.counters.accepted += counts.accepted
        self.tally.add(language, counts)

    def _supersede_document(self, uri: str) -> None:
        for feature in FEATURES:
            self._supersede(uri, feature)

    def _supersede(self, uri: str, feature: Feature) -> None:
        cancellation = self._underway.pop((uri, feature), None)
        if cancellation is not None:
            cancellation.cancel()

    def _forget_underway(self, begun: BegunCompletion) -> None:
        key = begun.request.snapshot.uri, begun.feature
        if self._underway.get(key) is begun.cancellation:
            del self._underway[key]
