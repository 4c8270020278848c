"""The model inside: the anchored prompt in front of the engine."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from coder_lsp.engine.engine import Engine, EngineOptions
from coder_lsp.model_folder import ModelFolder
from coder_lsp.prompt.build import build_prompt
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coder_lsp.backends.base import FimRequest
    from coder_lsp.cancellation import CancellationToken
    from coder_lsp.generation import GenerationChunk
    from coder_lsp.prompt.anchor import Anchor
    from coder_lsp.prompt.build import Prompt
    from coder_lsp.settings import Settings


class LocalBackend:
    """Owns the anchors: for each document where its prompt's fixed part ends."""

    def __init__(self, engine: Engine, context_tokens: int, *, is_healing: bool = True) -> None:
        self._engine = engine
        self._is_healing = is_healing
        self._context_tokens = min(context_tokens, engine.manifest.context_length)
        self._encoder = LineEncoder(engine.tokenizer)
        self._anchors: dict[str, Anchor] = {}

    @classmethod
    def load(cls, settings: Settings) -> LocalBackend:
        """Load the model that the settings name. Raises ``ModelFolderError``, ``EngineError``."""
        folder = ModelFolder.read(model_path(settings.model))
        options = EngineOptions(settings.threads, settings.cache_megabytes << 20)
        return cls(Engine(folder, options), settings.context_tokens)

    @property
    def model(self) -> str:
        """The model's name."""
        return self._engine.manifest.name

    def stream(
        self, request: FimRequest, cancellation: CancellationToken
    ) -> Iterator[GenerationChunk]:
        """Generate after the anchored prompt; see ``Backend.stream``."""
        prompt = self._prompt(request)
        return self._engine.generate(
            request.snapshot.uri,
            prompt.token_ids,
            request.options,
            cancellation,
            prompt.healed.encode(),
        )

    def prepare(self, request: FimRequest, cancellation: CancellationToken) -> None:
        """Compute the prompt ahead; see ``Backend.prepare``."""
        self._engine.prepare(request.snapshot.uri, self._prompt(request).token_ids, cancellation)

    def forget(self, uri: str) -> None:
        """Free a closed document's anchor and KV cache."""
        self._anchors.pop(uri, None)
        self._engine.forget(uri)

    def stats(self) -> Mapping[str, int | float | str]:
        """Return what the caches hold."""
        return {"model": self.model, **asdict(self._engine.stats())}

    def _prompt(self, request: FimRequest) -> Prompt:
        snapshot = request.snapshot
        prompt = build_prompt(
            snapshot,
            self._encoder,
            self._engine.manifest.fim,
            TokenBudget.share(self._context_tokens, request.options.max_new_tokens),
            self._anchors.get(snapshot.uri),
            is_healing=self._is_healing,
        )
        self._anchors[snapshot.uri] = prompt.anchor
        return prompt


def embedded_model_path() -> Path:
    """Return where the model lies that comes with the package."""
    return Path(str(files("coder_lsp") / "models" / "mini"))


def model_path(setting: str) -> Path:
    """Return the folder that the setting ``model`` names; empty names the embedded model."""
    return Path(setting).expanduser() if setting else embedded_model_path()
