"""The model: embedding, layers, and the loss of the next token."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.batches import IGNORED
from training.model.cross_entropy import LinearCrossEntropy
from training.model.layers import Attention, RMSNorm
from training.model.mixture_of_experts import GatedMLP, GatedUnit, MixtureOfExperts
from training.recipe import ModelShape


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm and beside a residual."""

    def __init__(self, shape: ModelShape, index: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.is_dense = index < shape.first_k_dense_replace
        self.mlp: GatedMLP | MixtureOfExperts = (
            GatedMLP(shape.hidden_size, shape.intermediate_size)
            if self.is_dense
            else MixtureOfExperts(shape)
        )

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the hidden states and, of a layer with experts, its load-balance loss."""
        x, normed = self._attend(x, cos, sin)
        out = self.mlp(normed)
        if self.is_dense:
            return x + out, None
        return x + out[0], out[1]

    def compile_fixed_shapes(self) -> None:
        """Compile what has the same shape in every batch; what an expert gets has not."""
        self._attend = torch.compile(self._attend, dynamic=False)  # type: ignore[method-assign]
        for module in self.modules():
            if isinstance(module, GatedUnit):
                module.compile(dynamic=False)

    def _attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden states after attention, and normed for what follows."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x, self.post_attention_layernorm(x)


class DeepSeek(nn.Module):
    """DeepSeek-V2 with tied embeddings; inner names are the checkpoint's, experts fused."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        layers = [Layer(shape, i) for i in range(shape.num_hidden_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self._initialise()
        angles = _rope_angles(shape)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return logits [B, L, vocabulary] for token ids [B, L]."""
        hidden, _ = self._hidden(token_ids)
        return functional.linear(hidden, self.embed_tokens.weight.to(hidden.dtype))

    def loss(self, token_ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss a token in nats and the mean load-balance loss a layer."""
        hidden, balance = self._hidden(token_ids)
        flat = hidden.reshape(-1, hidden.shape[-1])
        weight = self.embed_tokens.weight.to(hidden.dtype)
        loss = LinearCrossEntropy.apply(flat, weight, targets.reshape(-1), IGNORED)
        return loss, balance

    def compile_fixed_shapes(self) -> None:
        """Compile what has the same shape in every batch."""
        for layer in self.layers:
            layer.compile_fixed_shapes()

    def _hidden(self, token_ids: Tensor) -> tuple[Tensor, Tensor]:
        x = self.embed_tokens(token_ids)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        length = token_ids.shape[1]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        balances = []
        for layer in self.layers:
            x, balance = layer(x, cos, sin)
            if balance is not None:
                balances.append(balance)
        return self.norm(x), torch.stack(balances).mean() if balances else x.new_zeros(())

    def _initialise(self) -> None:
        """Start the matrices that write to the residual smaller, the more layers there are."""
        residual = 0.02 / math.sqrt(2 * self.shape.num_hidden_layers)
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                is_residual = "o_proj" in name or "down_proj" in name
                nn.init.normal_(parameter, 0, residual if is_residual else 0.02)


def _rope_angles(shape: ModelShape) -> Tensor:
    """Return the angles [positions, rope / 2]."""
    size = shape.qk_rope_head_dim
    frequencies = 1 / shape.rope_theta ** (torch.arange(0, size, 2).float() / size)
    return torch.outer(torch.arange(shape.max_position_embeddings).float(), frequencies)
