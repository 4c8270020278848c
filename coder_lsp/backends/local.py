"""The model inside: the anchored prompt in front of the engine."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from coder_lsp.backends.stored_documents import StoredDocuments
from coder_lsp.engine.engine import Engine, EngineOptions, Preparation
from coder_lsp.engine.store.sequence_store import DiskCacheOptions
from coder_lsp.models.installed_models import model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.paths import sequences_path
from coder_lsp.prompt.build import build_prompt
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from coder_lsp.backends.document_anchors import DocumentAnchors, Place
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.generation import GenerationChunk
    from coder_lsp.prompt.build import Prompt
    from coder_lsp.request import Request
    from coder_lsp.settings import Settings


PREFILL_SHARE = 0.5
"""Of the time budget; the rest is for decoding."""
MIN_PROMPT_TOKENS = 64
"""A smaller window than this one would not be worth an answer, however slow the machine."""


class LocalBackend:
    """Owns the anchors: for each document where its prompt's fixed part ends."""

    def __init__(
        self,
        engine: Engine,
        context_tokens: int,
        prefill_seconds: float,
        *,
        is_healing: bool = True,
    ) -> None:
        """``prefill_seconds`` is how long a user may wait for a prompt to be computed."""
        self._engine = engine
        self._prefill_seconds = prefill_seconds
        self._is_healing = is_healing
        self._context_tokens = min(context_tokens, engine.manifest.context_length)
        self._encoder = LineEncoder(engine.tokenizer)
        self._anchors: dict[str, DocumentAnchors] = {}
        self._stored = StoredDocuments(engine, self._encoder)

    @classmethod
    def load(cls, settings: Settings) -> LocalBackend:
        """Load the model that the settings name. Raises ``ModelFolderError``, ``EngineError``."""
        folder = ModelFolder.read(model_path(settings.model))
        disk_cache = DiskCacheOptions(sequences_path(), settings.disk_cache_megabytes << 20)
        options = EngineOptions(
            settings.threads,
            settings.cache_megabytes << 20,
            settings.providers,
            settings.context_tokens,
            disk_cache=disk_cache if settings.disk_cache else None,
        )
        prefill_seconds = settings.time_budget_ms / 1000 * PREFILL_SHARE
        return cls(Engine(folder, options), settings.context_tokens, prefill_seconds)

    @property
    def model(self) -> str:
        """The model's name."""
        return self._engine.manifest.name

    @property
    def is_instruct(self) -> bool:
        """Whether the manifest says that the model was trained to chat."""
        return self._engine.manifest.is_instruct

    @property
    def notices(self) -> tuple[str, ...]:
        """Where the model runs instead of where it should, and why."""
        return self._engine.notices

    def stream(
        self, request: Request, cancellation: CancellationToken
    ) -> Generator[GenerationChunk, None, None]:
        """Generate after the anchored prompt; see ``Backend.stream``."""
        place, prompt = self._affordable(request, cancellation)
        return self._engine.generate(
            place.sequence_id,
            prompt.token_ids,
            request.options,
            cancellation,
            prompt.healed.encode(),
            begun=() if request.branch is None else request.branch.token_ids,
        )

    def prepare(
        self,
        request: Request,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> int:
        """Compute the current prompt ahead, then a fresher anchor's where the current is worn."""
        num_new_tokens = self._compute_ahead(request, cancellation, on_progress)
        self._stored.save(request.snapshot.uri, self._anchors_of(request), cancellation)
        return num_new_tokens

    def forget(self, uri: str) -> None:
        """Free a closed document's anchors and KV caches; the disk may keep one."""
        anchors = self._anchors.pop(uri, None)
        if anchors is None:
            return
        self._stored.retire(uri, anchors)
        for sequence_id in anchors.sequence_ids:
            self._engine.forget(sequence_id)

    def close(self) -> None:
        """Keep on disk what is worth it."""
        for uri in reversed(tuple(self._anchors)):
            self.forget(uri)
        self._engine.close()

    def stats(self) -> Mapping[str, int | float | str]:
        """Return what the caches hold."""
        return {
            "model": self.model,
            "provider": self._engine.provider,
            **asdict(self._engine.stats()),
            **asdict(self._engine.disk_stats()),
        }

    def _affordable(
        self, request: Request, cancellation: CancellationToken
    ) -> tuple[Place, Prompt]:
        """Choose a place whose prompt can be computed while the user waits; return both.

        Where a whole window would take too long, the first answer sees a part of it; the rest is
        computed as a standby in idle time.
        """
        anchors, budget = self._anchors_of(request), self._budget(request)
        place = anchors.choose(request.snapshot, self._encoder, budget)
        prompt = self._prompt(place)
        self._stored.restore(request.snapshot.uri, place, prompt.token_ids, cancellation)
        affordable = self._num_affordable()
        if self._engine.num_to_compute(prompt.token_ids) <= affordable:
            return place, prompt
        room = affordable + request.options.max_new_tokens
        narrow = TokenBudget.share(room, request.options.max_new_tokens)
        # What is typed comes bit by bit, and the line begun so far is worth its few tokens.
        narrow = replace(narrow, typed=budget.typed)
        place = anchors.narrow(place, request.snapshot, self._encoder, narrow)
        return place, self._prompt(place)

    def _compute_ahead(
        self,
        request: Request,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None,
    ) -> int:
        anchors, budget = self._anchors_of(request), self._budget(request)
        place = anchors.choose(request.snapshot, self._encoder, budget)
        prepared = self._prepare(place, request, cancellation)
        standby = anchors.standby(request.snapshot, self._encoder, budget)
        if standby is None or not prepared.is_complete:
            return prepared.num_new_tokens
        renewed = self._prepare(standby, request, cancellation, on_progress)
        if renewed.is_complete:
            anchors.keep(standby)
        return prepared.num_new_tokens + renewed.num_new_tokens

    def _prepare(
        self,
        place: Place,
        request: Request,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> Preparation:
        token_ids = self._prompt(place).token_ids
        self._stored.restore(request.snapshot.uri, place, token_ids, cancellation)
        # What a user may wait for is not worth a word.
        is_long = self._engine.num_to_compute(token_ids) > self._num_affordable()
        told = on_progress if is_long else None
        return self._engine.prepare(place.sequence_id, token_ids, cancellation, told)

    def _num_affordable(self) -> int:
        return max(self._engine.tokens_within(self._prefill_seconds), MIN_PROMPT_TOKENS)

    def _prompt(self, place: Place) -> Prompt:
        return build_prompt(
            place.anchor,
            place.typed,
            self._encoder,
            self._engine.manifest.fim,
            is_healing=self._is_healing,
        )

    def _anchors_of(self, request: Request) -> DocumentAnchors:
        uri = request.snapshot.uri
        if uri not in self._anchors:
            self._anchors[uri] = self._stored.recall(uri)
        return self._anchors[uri]

    def _budget(self, request: Request) -> TokenBudget:
        return TokenBudget.share(self._context_tokens, request.options.max_new_tokens)
