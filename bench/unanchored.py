"""The product's window and healing with an unanchored prompt, to compare orders with."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Literal

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.generation import GenerationChunk
from coder_lsp.models.model_folder import FimTemplate, ModelFolder
from coder_lsp.prompt.anchor import place_anchor
from coder_lsp.prompt.build import Prompt
from coder_lsp.prompt.fim_template import arrange
from coder_lsp.prompt.healing import healing_start
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.prompt.token_budget import TokenBudget
from coder_lsp.request import Request

UnanchoredOrder = Literal["psm", "spm"]


def arrange_suffix_first(
    template: FimTemplate, prefix_ids: Sequence[int], suffix_ids: Sequence[int]
) -> list[int]:
    """Return the prompt's token ids as llama-server has them with ``--spm-infill``.

    BOS, then each part behind its own token, the suffix first: ``fim_hole SUFFIX fim_begin PREFIX
    fim_end``. That is llama.cpp's ``format_infill``: the two marked parts of PSM change places, and
    what was typed last stands at the end of PREFIX. The product does not use it: DeepSeek's models
    were trained prefix first.
    """
    suffix = [template.fim_hole, *suffix_ids]
    prefix = [template.fim_begin, *prefix_ids]
    return [*template.bos_ids, *suffix, *prefix, template.fim_end]


def unanchored_prompt(
    order: UnanchoredOrder,
    prefix: str,
    suffix_ids: Sequence[int],
    encoder: LineEncoder,
    template: FimTemplate,
    *,
    is_healing: bool,
) -> Prompt:
    """Build the prompt of an order: ``prefix`` is all that the model sees before the cursor.

    It is tokenised whole; healing takes its end back as the product does with the typed text.
    """
    put_in_order = arrange if order == "psm" else arrange_suffix_first
    start = healing_start(prefix) if is_healing else len(prefix)
    token_ids = put_in_order(template, encoder.encode(prefix[:start]), suffix_ids)
    return Prompt(tuple(token_ids), prefix[start:])


class UnanchoredBackend:
    """As the product, but PREFIX ends at the cursor."""

    def __init__(
        self,
        folder: ModelFolder,
        context_tokens: int,
        order: UnanchoredOrder,
        num_threads: int = 0,
    ) -> None:
        # Without drafts: which are verified depends on timing.
        self._engine = Engine(folder, EngineOptions(num_threads, lookup="off"))
        self._encoder = LineEncoder(self._engine.tokenizer)
        self._context_tokens = min(context_tokens, folder.manifest.context_length)
        self._order: UnanchoredOrder = order

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
        """Generate after the prompt that stands for the document now."""
        snapshot = request.snapshot
        budget = TokenBudget.share(self._context_tokens, request.options.max_new_tokens)
        window = place_anchor(snapshot, self._encoder, budget, previous=None)
        prompt = unanchored_prompt(
            self._order,
            snapshot.text[window.start : snapshot.offset],
            window.suffix_ids,
            self._encoder,
            self._engine.manifest.fim,
            is_healing=True,
        )
        healed = prompt.healed.encode()
        return self._engine.generate(
            snapshot.uri, prompt.token_ids, request.options, cancellation, healed
        )

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

    def stats(self) -> Mapping[str, int | float | str]:
        """Return the model's name."""
        return {"model": self.model}

    def close(self) -> None:
        """Write nothing."""
        self._engine.close()
