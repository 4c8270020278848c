"""Exports against the logits of transformers 5.23 that make_golden.py wrote; needs no torch."""

from pathlib import Path

import numpy as np
import pytest

from testing.parity import WAYS, Sequence, in_chunks, load_runner, one_by_one
from testing.tiny_checkpoint import tensors_digest
from testing.tiny_variants import TINY_VARIANTS
from tests.onnx_export.conftest import export_quietly
from tests.onnx_export.make_golden import weights_digest

GOLDEN = Path(__file__).parent / "golden"
EMBEDDED = Path(__file__).parents[2] / "coder_lsp" / "models" / "mini"
TOLERANCE = 1e-3


def check_tiny(variant, runner, run, num_tokens):
    golden = np.load(GOLDEN / f"{variant.name}.npz")
    token_ids = golden["token_ids"][:num_tokens].tolist()
    is_read = golden["positions"] < num_tokens

    logits = run(Sequence(runner, num_tokens), token_ids)

    expected = golden["logits"][is_read]
    np.testing.assert_allclose(logits[golden["positions"][is_read]], expected, atol=TOLERANCE)


def check_mini(runner, run, prompt):
    golden = np.load(GOLDEN / "mini.npz")
    token_ids = [*golden[f"prompt_{prompt}"].tolist(), *golden[f"continuation_{prompt}"].tolist()]

    logits = run(Sequence(runner, len(token_ids)), token_ids)

    greatest = np.take_along_axis(logits, golden[f"greatest_ids_{prompt}"].astype(int), axis=-1)
    np.testing.assert_allclose(greatest, golden[f"greatest_logits_{prompt}"], atol=TOLERANCE)
    log_sum_exp = np.logaddexp.reduce(logits, axis=-1)
    np.testing.assert_allclose(log_sum_exp, golden[f"log_sum_exp_{prompt}"], atol=TOLERANCE)
    num_prompt_tokens = len(golden[f"prompt_{prompt}"])
    greedy = logits[num_prompt_tokens - 1 : -1].argmax(axis=-1)
    assert greedy.tolist() == golden[f"continuation_{prompt}"].tolist()


@pytest.fixture(scope="module", params=TINY_VARIANTS, ids=lambda variant: variant.name)
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def tiny_runner(variant, tmp_path_factory):
    folder = tmp_path_factory.mktemp(variant.name)
    return load_runner(export_quietly(variant.write(folder / "hf"), folder / "out"))


@pytest.fixture(scope="module")
def mini_runner(mini_hf, mini_fp32):
    if str(np.load(GOLDEN / "mini.npz")["weights_sha256"]) != weights_digest(mini_hf):
        pytest.skip(f"golden/mini.npz belongs to other weights than those in {mini_hf}.")
    return load_runner(mini_fp32)


def test_golden_logits_belong_to_the_tiny_checkpoint(variant):
    golden = np.load(GOLDEN / f"{variant.name}.npz")

    assert str(golden["weights_sha256"]) == tensors_digest(variant.tensors()), (
        "The tiny checkpoint has changed; run python -m tests.onnx_export.make_golden."
    )


@pytest.mark.parametrize("way", WAYS)
def test_tiny_equals_the_reference_however_it_is_read(variant, tiny_runner, way):
    check_tiny(variant, tiny_runner, way, num_tokens=300)


def test_tiny_equals_the_reference_beyond_the_length_that_yarn_stretches(variant, tiny_runner):
    check_tiny(variant, tiny_runner, in_chunks, num_tokens=4600)


@pytest.mark.parametrize("prompt", range(3))
@pytest.mark.parametrize("way", WAYS)
def test_mini_equals_the_reference_however_it_is_read(mini_runner, way, prompt):
    check_mini(mini_runner, way, prompt)


def test_logits_of_the_last_positions_are_those_of_all(tiny_runner):
    sequence, token_ids = Sequence(tiny_runner, 64), list(range(50))
    everything = sequence.append(token_ids)
    sequence.rewind(0)

    last = sequence.append(token_ids, num_logits=3)

    np.testing.assert_allclose(last, everything[-3:], atol=1e-5)


@pytest.mark.parametrize("prompt", range(3))
def test_embedded_model_in_eight_bits_stays_close_to_the_reference(prompt):
    golden = np.load(GOLDEN / "embedded.npz")
    token_ids = [*golden[f"prompt_{prompt}"].tolist(), *golden[f"continuation_{prompt}"].tolist()]

    logits = one_by_one(Sequence(load_runner(EMBEDDED), len(token_ids)), token_ids)

    log_probabilities = logits - np.logaddexp.reduce(logits, axis=-1)[:, None]
    expected = golden[f"greatest_logits_{prompt}"] - golden[f"log_sum_exp_{prompt}"][:, None]
    ids = golden[f"greatest_ids_{prompt}"].astype(int)
    found = np.take_along_axis(log_probabilities, ids, axis=-1)
    # Rounding of activations differs between processors; a wrong scale costs whole units.
    assert np.abs(found[:, 0] - expected[:, 0]).mean() < 0.1
    assert (logits.argmax(axis=-1) == ids[:, 0]).mean() > 0.9
