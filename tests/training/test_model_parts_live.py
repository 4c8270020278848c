"""The parts of the model that have a backward pass of their own, against PyTorch's."""

# ruff: noqa: E402 (what imports torch comes after the test for it)

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional

from training.data.batches import IGNORED
from training.model.causal_attention import CausalAttention
from training.model.cross_entropy import LinearCrossEntropy
from training.model.mixture_of_experts import GroupedLinear, MixtureOfExperts

pytestmark = pytest.mark.reference


def check_same(found, expected, inputs):
    """Compare results and their gradients by all inputs, weighed so that no two are alike."""
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad((out * weights).sum(), inputs) for out in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def leaf(*shape):
    return torch.randn(*shape).requires_grad_()


@pytest.mark.parametrize("length", [1, 255, 256, 257, 600])
def test_attention(length):
    q, k, v = leaf(2, 3, length, 16), leaf(2, 3, length, 16), leaf(2, 3, length, 24)
    found = CausalAttention.apply(q, k, v, 0.3)
    expected = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3)

    check_same(found, expected, (q, k, v))


@pytest.mark.parametrize("num_rows", [1, 511, 1300])
def test_cross_entropy(num_rows):
    hidden, weight = leaf(num_rows, 8), leaf(50, 8)
    targets = torch.randint(0, 50, (num_rows,))
    targets[1::3] = IGNORED
    found = LinearCrossEntropy.apply(hidden, weight, targets, IGNORED)
    expected = functional.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORED)

    check_same(found, expected, (hidden, weight))


def test_a_target_that_is_nearly_certain_still_has_a_gradient_in_bfloat16():
    hidden = torch.tensor([[3.5, 0.0]], dtype=torch.bfloat16).requires_grad_()
    weight = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.bfloat16).requires_grad_()
    loss = LinearCrossEntropy.apply(hidden, weight, torch.tensor([0]), IGNORED)
    loss.backward()

    # The probability is 0.99909, which bfloat16 rounds to 1.
    assert weight.grad[0, 0].item() == pytest.approx(-3.5 * 0.000911, rel=0.02)


def test_cross_entropy_of_nothing_is_nothing():
    hidden, weight = leaf(4, 8), leaf(50, 8)
    loss = LinearCrossEntropy.apply(hidden, weight, torch.full((4,), IGNORED), IGNORED)
    loss.backward()

    assert loss == 0
    assert not hidden.grad.any()


def test_cross_entropy_of_what_is_out_of_reach_is_finite():
    hidden, weight = torch.ones(1, 1), torch.tensor([[0.0], [500.0]])
    loss = LinearCrossEntropy.apply(hidden, weight, torch.tensor([0]), IGNORED)

    assert 80 < loss < 501


@pytest.mark.parametrize("counts", [[7], [3, 0, 4], [0, 7, 0]])
def test_grouped_linear(counts):
    rows, matrices = leaf(7, 6), leaf(len(counts), 5, 6)
    found = GroupedLinear.apply(rows, matrices, counts)
    parts = zip(rows.split(counts), matrices, strict=True)
    expected = torch.cat([part @ matrix.T for part, matrix in parts])

    check_same(found, expected, (rows, matrices))


def test_each_position_gets_its_experts(smoke_recipe):
    experts = MixtureOfExperts(smoke_recipe.model)
    x = leaf(2, 9, smoke_recipe.model.hidden_size)
    found, _ = experts(x)

    check_same(found, _one_by_one(experts, x), (x, *experts.parameters()))


def _one_by_one(experts, x):
    """What the paper says: every expert for every position, times its weight or zero."""
    scores = (x @ experts.gate.T).softmax(-1)
    weights, chosen = scores.topk(experts.num_chosen, -1)
    weights = torch.zeros_like(scores).scatter(-1, chosen, weights)
    out = experts.shared_experts(x)
    for expert in range(len(experts.gate)):
        gate, up = (x @ experts.gate_up_proj[expert].T).chunk(2, -1)
        answer = (functional.silu(gate) * up) @ experts.down_proj[expert].T
        out = out + weights[..., expert : expert + 1] * answer
    return out
