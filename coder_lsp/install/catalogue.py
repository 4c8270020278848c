"""The models that are known to complete code well, from ``catalogue.toml``."""

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from coder_lsp.install.export_process import Precision
from coder_lsp.install.sizes import installed_bytes, memory_bytes
from coder_lsp.json_input import structure
from coder_lsp.models.installed_models import model_names

CONTEXT_TOKENS = 2048
_SMALL_MODEL_PARAMETERS = 1_000_000_000  # a test holds it to the exporter's
_STORED_BYTES_PER_WEIGHT = 2  # all of them were published in bf16
_CACHE_BYTES_PER_VALUE = 4
_MIN_DECODE_TOKENS_PER_SECOND = 10.0
_MIN_PREFILL_TOKENS_PER_SECOND = 100.0
_MEMORY_SHARE = 0.5
"""Of the machine's memory, what a model may take beside an editor and a browser."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The fields of ``config.json`` from which parameters are counted.

    The later ones are DeepSeek-V2's own; the number of key and value heads is the others'.
    """

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    tie_word_embeddings: bool
    num_key_value_heads: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    first_k_dense_replace: int = 0
    moe_intermediate_size: int = 0
    n_routed_experts: int = 0
    n_shared_experts: int = 0
    num_experts_per_tok: int = 0

    @property
    def table_parameters(self) -> int:
        """Those of the embedding, and of the output layer unless it is the same."""
        return (1 if self.tie_word_embeddings else 2) * self.vocab_size * self.hidden_size

    @property
    def num_parameters(self) -> int:
        """All of them."""
        return self.table_parameters + self.layer_parameters(self.n_routed_experts)

    @property
    def active_layer_parameters(self) -> int:
        """Those of the layers that one token uses."""
        return self.layer_parameters(self.num_experts_per_tok)

    @property
    def cache_bytes_per_token(self) -> int:
        """What each token takes in the KV cache."""
        if self.kv_lora_rank:
            width = self.kv_lora_rank + self.qk_rope_head_dim
        else:
            width = 2 * self.num_key_value_heads * self._head_dim
        return self.num_hidden_layers * width * _CACHE_BYTES_PER_VALUE

    def layer_parameters(self, num_experts: int) -> int:
        """Count the layers and the norms, with so many routed experts in a layer."""
        attention = self._latent_attention() if self.kv_lora_rank else self._grouped_attention()
        norms = 2 * self.hidden_size
        num_dense = self.first_k_dense_replace if self.n_routed_experts else self.num_hidden_layers
        dense = 3 * self.hidden_size * self.intermediate_size
        width = self.moe_intermediate_size * (num_experts + self.n_shared_experts)
        sparse = 3 * self.hidden_size * width + self.hidden_size * self.n_routed_experts
        return (
            self.num_hidden_layers * (attention + norms)
            + num_dense * dense
            + (self.num_hidden_layers - num_dense) * sparse
            + self.hidden_size
        )

    @property
    def _head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def _grouped_attention(self) -> int:
        queries, keys = self.num_attention_heads, self.num_key_value_heads
        weights = (2 * queries + 2 * keys) * self._head_dim * self.hidden_size
        biases = (queries + 2 * keys) * self._head_dim if self.model_type == "qwen2" else 0
        return weights + biases

    def _latent_attention(self) -> int:
        heads, latent = self.num_attention_heads, self.kv_lora_rank
        query = heads * (self.qk_nope_head_dim + self.qk_rope_head_dim)
        into = self.hidden_size * (query + latent + self.qk_rope_head_dim)
        up = latent * heads * (self.qk_nope_head_dim + self.v_head_dim)
        return into + up + heads * self.v_head_dim * self.hidden_size + latent


@dataclass(frozen=True, slots=True)
class Quality:
    """HumanEval single-line infilling, pass@1 from 0 to 1, and what it was measured on."""

    humaneval_single_line: float
    measured_on: str


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the catalogue; sizes follow from its original configuration.

    ``is_restricted``: its licence does not allow every use, so it is never recommended.
    ``other_names`` are what other programs call the model and its variants.
    """

    name: str
    source: str
    license: str
    languages: int
    context_length: int
    config: ModelConfig
    quality: Quality | None = None
    is_restricted: bool = False
    other_names: tuple[str, ...] = ()

    @property
    def precision(self) -> Precision:
        """What the exporter chooses for a model of this size (``onnx_export/config.py``)."""
        return "int8" if self.config.num_parameters < _SMALL_MODEL_PARAMETERS else "int4"

    @property
    def download_bytes(self) -> int:
        """Bytes of the original checkpoint."""
        return self.config.num_parameters * _STORED_BYTES_PER_WEIGHT

    @property
    def disk_bytes(self) -> int:
        """Bytes of the installed model, about."""
        config = self.config
        # An output layer of its own is written for a tied one too.
        tables = 2 * config.vocab_size * config.hidden_size
        total = tables + config.layer_parameters(config.n_routed_experts)
        return installed_bytes(total, tables, self.precision)

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that it takes while it completes, about."""
        return memory_bytes(self.disk_bytes, self.config.cache_bytes_per_token, CONTEXT_TOKENS)


@dataclass(frozen=True, slots=True)
class Related:
    """A figure of a relative of a model, in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """``models`` from the least to the most able."""

    models: tuple[KnownModel, ...]
    related: tuple[Related, ...]


@dataclass(frozen=True, slots=True)
class MachinePace:
    """What was measured: weights per second in a prefill, and bytes of them per second decoding."""

    prefill_weights_per_second: float
    decode_bytes_per_second: float


@dataclass(frozen=True, slots=True)
class PredictedPace:
    """Tokens per second that a machine is expected to reach."""

    prefill_tokens_per_second: float
    decode_tokens_per_second: float


@functools.cache
def read_catalogue() -> Catalogue:
    """Return the catalogue of the package."""
    document = tomllib.loads((files("coder_lsp.install") / "catalogue.toml").read_text("utf-8"))
    catalogue: Catalogue = structure(
        {"models": document["model"], "related": document["related"]}, Catalogue, "catalogue.toml"
    )
    return catalogue


def predict(model: KnownModel, pace: MachinePace) -> PredictedPace:
    """Return how fast a model will be on a machine of a measured pace.

    A prefill multiplies by every weight of the layers; a decoded token reads each of them once, and
    the output layer.
    """
    config = model.config
    head = config.vocab_size * config.hidden_size
    active = config.active_layer_parameters
    read = installed_bytes(active + head, head, model.precision)
    return PredictedPace(
        pace.prefill_weights_per_second / active, pace.decode_bytes_per_second / read
    )


def recommend(
    models: Sequence[KnownModel], memory: int, pace: MachinePace | None
) -> KnownModel | None:
    """Return the most able model that fits the memory and is fast enough; None if none fits.

    Without a pace two average processors are assumed. If none is fast enough, the smallest is it.
    """
    pace = pace or MachinePace(150e9, 15e9)
    fitting = [
        model
        for model in models
        if model.memory_bytes <= memory * _MEMORY_SHARE and not model.is_restricted
    ]
    if not fitting:
        return None
    quick = [model for model in fitting if _is_quick(predict(model, pace))]
    return quick[-1] if quick else min(fitting, key=lambda model: model.memory_bytes)


def suggestion() -> str | None:
    """Return the command that brings a larger model for this machine; None if one is installed.

    Nothing is measured for it, since the user has not asked.
    """
    import psutil  # noqa: PLC0415 (a server with a model of its own does not need it)

    if model_names():
        return None
    model = recommend(read_catalogue().models, psutil.virtual_memory().total, None)
    return None if model is None else f"A larger model: coder-lsp install {model.source}"


def base_of(name: str) -> str | None:
    """Return the source of the base model whose instruct variant has a name; None if unknown."""
    wanted = _family(name)
    for model in read_catalogue().models:
        if wanted and wanted in map(_family, (model.name, *model.other_names)):
            return model.source
    return None


def _is_quick(predicted: PredictedPace) -> bool:
    return (
        predicted.decode_tokens_per_second >= _MIN_DECODE_TOKENS_PER_SECOND
        and predicted.prefill_tokens_per_second >= _MIN_PREFILL_TOKENS_PER_SECOND
    )


def _family(name: str) -> str:
    """Return what a model and its variants have in common in their names."""
    words = re.split(r"[^a-z0-9.]+", name.lower())
    plain = [w for w in words if w and w not in {"base", "instruct", "chat", "awq", "gguf", "it"}]
    size = next((i for i, w in enumerate(plain) if re.fullmatch(r"[\d.]+b|lite", w)), None)
    return "" if size is None else "-".join(plain[: size + 1])
