"""The backend with the model inside: it builds the anchored prompts for the engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from coder_lsp.backends.document_anchors import DocumentAnchors
from coder_lsp.backends.stored_documents import StoredDocuments
from coder_lsp.engine.device.sizes import time_budget_ms_for
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions, Preparation
from coder_lsp.engine.store.sequence_folder import SequenceFolder
from coder_lsp.engine.store.sequence_store import DiskCacheOptions
from coder_lsp.models.installed_models import model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.paths import sequences_path
from coder_lsp.prompt.build import build_prompt
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget
from coder_lsp.settings import completion_problem, max_completion_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from coder_lsp.backends.document_anchors import Anchored
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.generation import GenerationChunk, GenerationOptions
    from coder_lsp.prompt.anchor import Anchor
    from coder_lsp.prompt.build import Prompt
    from coder_lsp.request import Request
    from coder_lsp.settings import Settings


PREFILL_SHARE = 0.5
"""The share of the time budget for computing the prompt; the rest is for decoding."""
MIN_PROMPT_TOKENS = 64
"""The smallest window, however slow the machine: a smaller one would give no useful answer."""


class LocalBackend:
    """Owns the anchors: for each document the place where its prompt's fixed part ends."""

    def __init__(
        self,
        engine: Engine,
        context_tokens: int,
        time_budget_ms: int,
        folder: SequenceFolder | None = None,
        max_new_tokens: int = 0,
    ) -> None:
        """``context_tokens`` and ``time_budget_ms`` may be 0: chosen for model and machine.

        ``folder`` is the engine's disk cache, if it has one. ``max_new_tokens`` is the setting, to
        be compared with the context.
        """
        self._engine = engine
        self._time_budget_ms = time_budget_ms or time_budget_ms_for(
            engine.seconds_per_token, PREFILL_SHARE
        )
        self._prefill_seconds = self._time_budget_ms / 1000 * PREFILL_SHARE
        self._context_tokens = min(
            context_tokens or engine.context_tokens, engine.manifest.context_length
        )
        problem = completion_problem(max_new_tokens, self._context_tokens)
        self._notices = engine.notices if problem is None else (*engine.notices, problem)
        self._encoder = LineEncoder(engine.tokenizer)
        self._anchors: dict[str, DocumentAnchors] = {}
        self._stored = StoredDocuments(
            engine,
            folder,
            self._encoder,
            lambda anchor, typed: self._prompt(anchor, typed).token_ids,
        )
        if folder is not None:  # nothing here waits for what became of other documents' files
            remove_gone = self._stored.remove_gone
            threading.Thread(target=remove_gone, name="disk-cache", daemon=True).start()

    @classmethod
    def load(cls, settings: Settings) -> LocalBackend:
        """Load the model that the settings name. Raises ``ModelFolderError``, ``EngineError``."""
        model = ModelFolder.read(model_path(settings.model))
        disk = DiskCacheOptions(sequences_path(), settings.disk_cache_megabytes << 20)
        options = EngineOptions(
            settings.threads,
            settings.cache_megabytes << 20,
            settings.providers,
            settings.context_tokens,
            disk_cache=disk if settings.disk_cache else None,
        )
        folder = SequenceFolder(disk.path, disk.max_bytes) if settings.disk_cache else None
        return cls(
            Engine(model, options),
            settings.context_tokens,
            settings.time_budget_ms,
            folder,
            settings.max_new_tokens,
        )

    @property
    def model(self) -> str:
        """The model's name."""
        return self._engine.manifest.name

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know about where and how the model runs."""
        return self._notices

    @property
    def time_budget_ms(self) -> int:
        """What the settings say, or what was chosen."""
        return self._time_budget_ms

    @property
    def is_instruct(self) -> bool:
        """What the manifest says."""
        return self._engine.manifest.is_instruct

    def stream(
        self, request: Request, cancellation: CancellationToken
    ) -> Generator[GenerationChunk, None, None]:
        """Generate after the anchored prompt; see ``Backend.stream``."""
        options = self._options(request)
        anchored, prompt = self._affordable(request, options.max_new_tokens)
        stops = (*options.stop_strings, *self._control_names(anchored))
        options = replace(options, stop_strings=stops)
        return self._engine.generate(
            anchored.sequence_id,
            prompt.token_ids,
            options,
            cancellation,
            prompt.healed.encode(),
            begun=() if request.branch is None else request.branch.token_ids,
            document=self._stored.document(request.snapshot.uri),
        )

    def prepare(
        self,
        request: Request,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> int:
        """Compute the current prompt ahead, then a standby if the current anchor is worn."""
        uri, anchors = request.snapshot.uri, self._anchors_of(request)
        num_new_tokens = self._compute_ahead(request, cancellation, on_progress)
        self._stored.save(uri, anchors.recent, cancellation)
        return num_new_tokens

    def forget(self, uri: str) -> None:
        """Free a closed document's anchors and KV caches; the disk may keep one."""
        anchors = self._anchors.pop(uri, None)
        if anchors is None:
            return
        self._stored.retire(uri, anchors.recent)
        for sequence_id in anchors.sequence_ids:
            self._engine.forget(sequence_id)

    def close(self) -> None:
        """Write what is to be kept on disk; remove from there what is gone from its file."""
        for uri in reversed(tuple(self._anchors)):
            self.forget(uri)
        self._engine.close()
        self._stored.remove_gone()

    def stats(self) -> Mapping[str, int | float | str]:
        """Return the sizes in force and what the caches hold."""
        return {
            "model": self.model,
            "provider": self._engine.provider,
            "context_tokens": self._context_tokens,
            "cache_budget_bytes": self._engine.cache_bytes,
            "time_budget_ms": self._time_budget_ms,
            **self._engine.stats(),
        }

    def _affordable(self, request: Request, max_new_tokens: int) -> tuple[Anchored, Prompt]:
        """Choose an anchor whose prompt can be computed while the user waits; return both.

        If a full window takes too long, the first answer sees a narrow one. The full window is
        computed as a standby in idle time.
        """
        snapshot, anchors = request.snapshot, self._anchors_of(request)
        budget = TokenBudget.share(self._context_tokens, max_new_tokens)
        anchored = anchors.choose(snapshot, self._encoder, budget)
        prompt = self._prompt(anchored.anchor, anchored.typed)
        num_missing, num_affordable = self._cost(snapshot.uri, prompt)
        if num_missing <= num_affordable:
            return anchored, prompt
        narrow = TokenBudget.share(num_affordable + max_new_tokens, max_new_tokens)
        # What is typed comes bit by bit, and the line begun so far is worth its few tokens.
        narrow = replace(narrow, typed=budget.typed)
        anchored = anchors.narrow(anchored, snapshot, self._encoder, narrow)
        return anchored, self._prompt(anchored.anchor, anchored.typed)

    def _compute_ahead(
        self,
        request: Request,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None,
    ) -> int:
        snapshot, anchors = request.snapshot, self._anchors_of(request)
        budget = TokenBudget.share(self._context_tokens, self._options(request).max_new_tokens)
        anchored = anchors.choose(snapshot, self._encoder, budget)
        prepared = self._prepare(anchored, snapshot.uri, cancellation)
        standby = anchors.standby(snapshot, self._encoder, budget)
        if standby is None or not prepared.is_complete:
            return prepared.num_new_tokens
        renewed = self._prepare(standby, snapshot.uri, cancellation, on_progress)
        if renewed.is_complete:
            anchors.keep(standby)
        return prepared.num_new_tokens + renewed.num_new_tokens

    def _prepare(
        self,
        anchored: Anchored,
        uri: str,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> Preparation:
        prompt = self._prompt(anchored.anchor, anchored.typed)
        num_missing, num_affordable = self._cost(uri, prompt)
        return self._engine.prepare(
            anchored.sequence_id,
            prompt.token_ids,
            cancellation,
            # What a user may wait for is not reported.
            on_progress if num_missing > num_affordable else None,
            self._stored.document(uri),
        )

    def _cost(self, uri: str, prompt: Prompt) -> tuple[int, int]:
        """Return the tokens that must be computed, and those that a user may wait for."""
        cost = self._engine.cost(
            prompt.token_ids, self._prefill_seconds, self._stored.document(uri)
        )
        return cost.num_missing, max(cost.num_affordable, MIN_PROMPT_TOKENS)

    def _options(self, request: Request) -> GenerationOptions:
        """Return the request's options with a completion that leaves room for the prompt."""
        limit = max_completion_tokens(self._context_tokens)
        options = request.options
        return replace(options, max_new_tokens=min(options.max_new_tokens, limit))

    def _control_names(self, anchored: Anchored) -> tuple[str, ...]:
        """Return the control tokens that end a completion also if it spells them out.

        If the model sees one of them in the document, the document is about control tokens, and a
        completion may contain them too.
        """
        names = self._engine.control_names
        texts = (anchored.anchor.prefix, anchored.anchor.suffix, anchored.typed)
        return () if any(name in text for name in names for text in texts) else names

    def _prompt(self, anchor: Anchor, typed: str) -> Prompt:
        return build_prompt(anchor, typed, self._encoder, self._engine.manifest.fim)

    def _anchors_of(self, request: Request) -> DocumentAnchors:
        uri = request.snapshot.uri
        if uri not in self._anchors:
            anchors = self._anchors[uri] = DocumentAnchors(uri)
            anchor = self._stored.anchor(uri)
            if anchor is not None:
                anchors.restore(anchor)
        return self._anchors[uri]
