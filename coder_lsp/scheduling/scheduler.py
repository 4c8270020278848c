"""The one owner of work in flight: what is computed, for whom, and in which order.

A request is not a generation. A request that is superseded or cancelled is answered at once, but
its generation continues for a moment as an *orphan*: most often the user has just typed its first
character, and the next request is answered by it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from coder_lsp.cancellation import CancellationToken
from coder_lsp.completion.alternatives import Alternatives
from coder_lsp.completion.completion import Completion
from coder_lsp.completion.completion_cache import CompletionCache
from coder_lsp.errors import CoderError
from coder_lsp.request import FEATURES
from coder_lsp.scheduling.ahead import AheadOfUser
from coder_lsp.scheduling.counters import Counters
from coder_lsp.scheduling.debounce import Debounce
from coder_lsp.scheduling.dispatcher import Dispatcher
from coder_lsp.scheduling.waiting import now, wait_until
from coder_lsp.scheduling.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coder_lsp.backends.base import Backend
    from coder_lsp.completion.generation import Generation
    from coder_lsp.documents.document import DocumentSnapshot
    from coder_lsp.documents.open_document import OpenDocument
    from coder_lsp.request import Feature, Request
    from coder_lsp.scheduling.engine_thread import Loaded
    from coder_lsp.scheduling.observer import Observer
    from coder_lsp.settings import Settings

ORPHAN_SECONDS = 0.25
"""How long a generation that nobody waits for continues."""
_PATIENCE = 5
"""How many times longer a user waits for what was asked for explicitly."""
_MARGIN_SECONDS = 0.02
"""Part of the time budget for the rules and the way to the editor."""


class Scheduler:
    """Owns the engine thread, the table of work and the recent completions.

    Used from the event loop only. At most one request of each feature is in the table for a
    document, and at most one generation that no request waits for.
    """

    def __init__(
        self,
        settings: Settings,
        create_backend: Callable[[Settings], Backend],
        observer: Observer,
    ) -> None:
        self.counters = Counters()
        self._settings = settings
        self._observer = observer
        self._dispatcher = Dispatcher(create_backend, self._keep)
        self._table = self._dispatcher.table
        self._ahead = AheadOfUser(self._dispatcher, observer, self.counters)
        self._recent = CompletionCache()
        self._debounce = Debounce()
        self._last_asked: dict[tuple[str, Feature], tuple[int, int, str]] = {}

    # The model

    @property
    def has_been_loaded(self) -> bool:
        """Whether a model was ever asked for."""
        return self._dispatcher.has_been_loaded

    @property
    def is_loading(self) -> bool:
        """Whether a model is being loaded, or waits to be."""
        return self._dispatcher.is_loading

    def load(self) -> asyncio.Future[Loaded]:
        """Load what the settings name, in place of the present model."""
        return self._dispatcher.load(self._settings)

    def apply_settings(self, settings: Settings) -> None:
        """Use other settings from now on; answers made with the old ones are dropped."""
        if settings != self._settings:
            self._settings = settings
            self.cancel_all()
            self._recent.clear()

    async def backend_stats(self) -> Mapping[str, int | float | str]:
        """Return the backend's counters, none without a backend; interrupts nothing."""
        return await self._dispatcher.call(lambda backend: backend.stats(), {})

    def stats(self) -> Mapping[str, int]:
        """Return counters for people to read."""
        return {"underway": len(self._table.of("request")), **self.counters.as_dict()}

    def close(self, timeout_seconds: float) -> bool:
        """End all work and the engine thread; False if it did not end in time."""
        return self._dispatcher.close(timeout_seconds)

    # Documents

    def document_opened(self, uri: str) -> None:
        """Drop all work for an earlier document of the same URI."""
        self._table.drop(self._table.of("prepare", "alternatives"))
        self._table.drop(self._table.of(uri=uri))
        for feature in FEATURES:
            self._last_asked.pop((uri, feature), None)

    def document_changed(self, document: OpenDocument) -> None:
        """Supersede the document's requests; keep its generation while the edit agrees with it."""
        self._table.drop(self._table.of("prepare", "alternatives"))
        self._table.drop(self._table.of("request", uri=document.uri))
        for work in self._table.of("generation", "ahead", uri=document.uri):
            if not work.generation.may_answer_edit(document.text, document.edit_end):
                self._table.drop([work])

    def document_closed(self, uri: str) -> None:
        """Drop the document's work, and free what the backend keeps for it."""
        self.document_opened(uri)
        self._recent.forget(uri)
        self._dispatcher.forget(uri).add_done_callback(self._report_failure)

    def cancel_all(self) -> None:
        """Answer all requests with nothing, and stop all work."""
        self._table.drop(self._table.of())

    # Requests

    def is_underway(self, uri: str, feature: Feature) -> bool:
        """Whether a request of a feature waits for its answer."""
        return bool(self._requests(uri, feature))

    async def complete(self, request: Request) -> Completion | None:
        """Return what came of a request; None if it was superseded meanwhile.

        Raises ``CoderError`` if the backend fails, and ``asyncio.CancelledError`` if the client
        cancels.
        """
        snapshot = request.snapshot
        self.counters.requests += 1
        elsewhere = [w for w in self._table.of("alternatives") if w.request.snapshot != snapshot]
        self._table.drop(self._table.of("prepare") + elsewhere)
        self._table.drop(self._requests(snapshot.uri, request.feature))
        asked = Work("request", request)
        self._table.add(asked)
        try:
            completion = await self._answer(asked)
        except asyncio.CancelledError:
            self.counters.cancelled += 1
            asked.cancellation.cancel()
            raise
        except Exception:
            self.counters.failed += 1
            raise
        finally:
            self._table.remove(asked)
        if asked.cancellation.is_cancelled:
            self.counters.superseded += 1
            return None
        self.counters.answered(is_shown=bool(completion.text))
        if not request.selected:
            self._ahead.begin(request, completion.text if self._settings.completion_cache else "")
        return completion

    def _requests(self, uri: str, feature: Feature) -> list[Work]:
        return [w for w in self._table.of("request", uri=uri) if w.request.feature == feature]

    async def _answer(self, asked: Work) -> Completion:
        request, started = asked.request, now()
        is_repeated = self._is_repeated(request)
        completion = self._find_recent(request)
        if completion is None:
            completion = await self._generated(asked, is_repeated=is_repeated)
        if not completion.text or request.options.num_branches == 0:
            return completion
        deadline = started + self._time_budget_seconds - _MARGIN_SECONDS
        texts = await self._find_alternatives(asked, completion, deadline)
        if self._settings.completion_cache and texts and not asked.cancellation.is_cancelled:
            # The user may type through any of them; the first stays the first answer.
            for text in reversed((completion.text, *texts)):
                self._recent.add(request.snapshot, text)
        return replace(completion, alternatives=texts)

    def _find_recent(self, request: Request) -> Completion | None:
        if not self._settings.completion_cache:
            return None
        found = self._recent.find(request.snapshot, request.multiline)
        if found is None:
            return None
        text, refused_by = found.text, found.refused_by
        return Completion(text, text, "stop", "completion cache", refused_by=refused_by)

    async def _generated(self, asked: Work, *, is_repeated: bool) -> Completion:
        request = asked.request
        if not is_repeated:
            self._debounce.record_request(now())
        deadline = self._deadline(request)
        running = self._find_generation(request.snapshot)
        if running is not None:
            running.generation.follow(request.snapshot)
            await self._wait(running, asked, deadline)
            completion = running.generation.completion_for(request)
            if asked.cancellation.is_cancelled or completion.finish_reason != "cancelled":
                return replace(completion, source="running")
            # What was typed since differs from what the model wrote.
        if not request.is_explicit and not is_repeated:
            delay = self._debounce.delay()
            if delay > 0:
                await wait_until(None, asked.cancellation, now() + delay)
            if asked.cancellation.is_cancelled:
                return Completion("", "", "cancelled")
        work = self._dispatcher.generate(request, "generation")
        await self._wait(work, asked, deadline)
        completion = work.generation.completion_for(request)
        if completion.time_to_first_token_ms is not None:
            self._debounce.record_latency(completion.time_to_first_token_ms / 1000)
        return completion

    @property
    def _time_budget_seconds(self) -> float:
        return self._settings.time_budget_ms / 1000 or self._dispatcher.time_budget_seconds

    def _deadline(self, request: Request) -> float:
        """Return until when a request that is made now may wait."""
        budget = self._time_budget_seconds * (_PATIENCE if request.is_explicit else 1)
        return now() + max(budget - _MARGIN_SECONDS, 0.0)

    def _is_repeated(self, request: Request) -> bool:
        """Whether the same was asked for just before."""
        snapshot = request.snapshot
        key = snapshot.uri, request.feature
        asked = snapshot.version, snapshot.offset, request.selected
        is_repeated = self._last_asked.get(key) == asked
        self._last_asked[key] = asked
        return is_repeated

    async def _wait(self, work: Work, asked: Work, deadline: float) -> None:
        """Wait until the work is done, the request is superseded or the deadline has passed.

        While the model loads there is no partial result, so an inline request waits for the model
        first. A plain request does not: the popup would hold back the entries of other servers.
        """
        work.stop_timer()
        work.waiting.append(asked)
        if work.kind == "ahead":
            work.kind = "generation"  # it does not give way to other requests any more
        try:
            with self._observer.waiting():
                if self.is_loading and asked.request.feature == "inline":
                    await wait_until(self._dispatcher.loading(), asked.cancellation, None)
                    deadline = self._deadline(asked.request)
                await wait_until(work.done, asked.cancellation, deadline)
        finally:
            work.waiting.remove(asked)
            if work.kind == "generation" and not work.waiting and work in self._table:
                loop = asyncio.get_running_loop()
                work.orphan_timer = loop.call_later(ORPHAN_SECONDS, self._table.drop, [work])
        if work.done is not None and work.done.done() and not work.done.cancelled():
            work.done.result()  # raises what the engine met

    def _find_generation(self, snapshot: DocumentSnapshot) -> Work | None:
        works = self._table.of("generation", "ahead", uri=snapshot.uri)
        return next((work for work in works if work.generation.may_answer(snapshot)), None)

    async def _find_alternatives(
        self, asked: Work, first: Completion, deadline: float
    ) -> tuple[str, ...]:
        """Return the alternatives that are found in time; the search continues beyond it.

        A user who wants to choose asks again at the same place, so the table holds what was found
        until the cursor leaves. If the search fails, the first completion is answered alone.
        """
        request = asked.request
        work = next((w for w in self._table.of("alternatives") if w.request == request), None)
        if work is None:
            self._table.drop(self._table.of("alternatives"))
            found = Alternatives(request, first.text, first.branches, CancellationToken())
            work = Work("alternatives", request, found.cancellation, found)
            self._dispatcher.submit(work, found.run)
        with contextlib.suppress(CoderError):
            await self._wait(work, asked, deadline)
        return work.alternatives.other_than(first.text)

    def _keep(self, generation: Generation) -> None:
        """Keep what the model wrote, for typing through it."""
        self._observer.succeed()
        reason = generation.finish_reason
        if self._settings.completion_cache and reason is not None and reason != "cancelled":
            snapshot, raw = generation.request.snapshot, generation.raw
            self._recent.add(snapshot, raw, reason, is_instruct=generation.is_instruct)

    def _report_failure(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            self._observer.report(error)
