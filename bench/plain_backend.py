"""The model without the product around it, as models are usually measured."""

from collections.abc import Callable, Generator, Mapping

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.generation import GenerationChunk
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.prompt.fim_template import NUM_TEMPLATE_TOKENS, arrange
from coder_lsp.request import Request


class PlainBackend:
    """Plain PSM: everything before the cursor, everything after it; no anchor, no healing."""

    def __init__(self, folder: ModelFolder, num_threads: int = 0) -> None:
        # Without drafts: which are verified depends on timing, and a pass over several tokens may
        # round differently, so that two runs would not say quite the same.
        self._engine = Engine(folder, EngineOptions(num_threads, lookup="off"))

    @property
    def model(self) -> str:
        """The model's name."""
        return self._engine.manifest.name

    @property
    def time_budget_ms(self) -> int:
        """No limit: nobody waits."""
        return 0

    @property
    def is_instruct(self) -> bool:
        """Whether the manifest says that the model was trained to chat."""
        return self._engine.manifest.is_instruct

    @property
    def notices(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def stream(
        self, request: Request, cancellation: CancellationToken
    ) -> Generator[GenerationChunk, None, None]:
        """Generate; where the document is too long, the prefix loses its beginning."""
        encode, manifest = self._engine.tokenizer.encode, self._engine.manifest
        suffix_ids = encode(request.snapshot.suffix)
        taken = len(suffix_ids) + NUM_TEMPLATE_TOKENS + request.options.max_new_tokens
        prefix_ids = encode(request.snapshot.prefix)[-max(manifest.context_length - taken, 1) :]
        prompt_ids = arrange(manifest.fim, prefix_ids, suffix_ids)
        uri = request.snapshot.uri
        return self._engine.generate(uri, prompt_ids, request.options, cancellation)

    def prepare(
        self,
        request: Request,
        cancellation: CancellationToken,
        on_progress: Callable[[float], None] | None = None,
    ) -> int:
        """Compute nothing ahead."""
        del request, cancellation, on_progress
        return 0

    def forget(self, uri: str) -> None:
        """Free a document's KV cache."""
        self._engine.forget(uri)

    def close(self) -> None:
        """Keep nothing on disk."""

    def stats(self) -> Mapping[str, int | float | str]:
        """Return the model's name."""
        return {"model": self.model}
