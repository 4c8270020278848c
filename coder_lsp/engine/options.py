"""What an engine is made with, and what it reports of its work."""

from dataclasses import dataclass

from coder_lsp.engine.decoding.drafter import LookupMode
from coder_lsp.engine.store.sequence_store import DiskCacheOptions
from coder_lsp.settings import Providers


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """``num_threads``: 0 chooses by the machine. ``cache_bytes``: the budget of all KV caches.

    At least one document's caches are kept, even over budget: otherwise a model with a large cache
    per token would evict the active sequence to make room for its replacement.
    ``providers``: where the graph may run. ``context_tokens``: the longest sequence that memory is
    planned for. Either of the two sizes may be 0: it is then chosen for model and machine.
    ``lookup``: whether greedy decoding tries what followed the same tokens before. ``disk_cache``:
    where sequences are kept beyond the process; None: nowhere.
    """

    num_threads: int = 0
    cache_bytes: int = 512 << 20
    providers: Providers = "auto"
    context_tokens: int = 2048
    lookup: LookupMode = "auto"
    disk_cache: DiskCacheOptions | None = None


@dataclass(frozen=True, slots=True)
class Preparation:
    """The result of computing a prompt ahead; ``is_complete``: it was not cancelled."""

    num_new_tokens: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class PromptCost:
    """Tokens of a prompt that no cache holds, and how many could be computed in some time."""

    num_missing: int
    num_affordable: int
