"""Write the golden logits: python -m tests.onnx_export.make_golden, in .venv-reference.

``golden/tiny*.npz`` belong to ``testing/tiny_variants.py`` and hold all logits at a few
positions. ``golden/mini.npz`` belongs to the weights in ``releases/``, ``golden/embedded.npz`` to
the shipped model: at a few positions, the greatest logits and the logarithm of the sum of all
exponentials, which covers the other logits. ``CODER_LSP_EMBEDDED_HF`` names the shipped model's
Hugging Face folder; without it ``embedded.npz`` stays as it is.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
import tokenizers

from onnx_export.reference import Reference
from testing.mini_weights import mini_hf_folder
from testing.tiny_checkpoint import tensors_digest
from testing.tiny_variants import TINY_VARIANTS, TinyVariant

GOLDEN = Path(__file__).parent / "golden"
NUM_GREATEST = 32
NUM_NEW_TOKENS = 32
# Longer than original_max_position_embeddings, where YaRN has slowed half of the pairs.
NUM_TINY_TOKENS = 4600
BOS, FIM_HOLE, FIM_BEGIN, FIM_END = 0, 2, 3, 4

PROMPTS = (
    (
        "import json\nfrom pathlib import Path\n\n\ndef read(path: Path) -> dict:\n    with ",
        ":\n        return json.load(file)\n\n\nif __name__ == '__main__':\n    main()\n",
    ),
    (
        'package main\n\nimport "fmt"\n\nfunc sum(values []int) int {\n\ttotal := 0\n\tfor ',
        "\n\treturn total\n}\n\nfunc main() {\n\tfmt.Println(sum([]int{1, 2, 3}))\n}\n",
    ),
    ("export function isEmpty(text: string): boolean {\n  return ", "\n}\n"),
)


def main() -> None:
    """Write all files."""
    GOLDEN.mkdir(exist_ok=True)
    for variant in TINY_VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            _write_tiny(variant, Reference(variant.write(Path(folder))))
    mini = mini_hf_folder()
    _write_greatest(Reference(mini), mini / "tokenizer.json", GOLDEN / "mini.npz")
    if embedded := os.environ.get("CODER_LSP_EMBEDDED_HF"):
        tokenizer = Path(embedded, "tokenizer.json")
        _write_greatest(Reference(Path(embedded)), tokenizer, GOLDEN / "embedded.npz")


def _write_tiny(variant: TinyVariant, reference: Reference) -> None:
    generator = np.random.default_rng(7)
    token_ids = generator.integers(0, variant.vocab_size, NUM_TINY_TOKENS)
    positions = np.array([0, 1, 4, 5, 63, 64, 150, 299, 1500, 4095, 4096, *range(4592, 4600)])
    logits = reference.logits(token_ids.tolist())
    np.savez_compressed(
        GOLDEN / f"{variant.name}.npz",
        weights_sha256=tensors_digest(variant.tensors()),
        token_ids=token_ids.astype(np.int16),
        positions=positions.astype(np.int16),
        logits=logits[positions],
    )


def _write_greatest(reference: Reference, tokenizer_path: Path, out: Path) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_path))
    arrays = {"weights_sha256": np.array(weights_digest(tokenizer_path.parent))}
    for i, (prefix, suffix) in enumerate(PROMPTS):
        before, after = (
            tokenizer.encode(t, add_special_tokens=False).ids for t in (prefix, suffix)
        )
        prompt = [BOS, FIM_BEGIN, *before, FIM_HOLE, *after, FIM_END]
        continuation = _continue(reference, prompt)
        logits = reference.logits(prompt + continuation)
        greatest = np.argsort(logits, axis=-1)[:, : -NUM_GREATEST - 1 : -1]
        arrays |= {
            f"prompt_{i}": np.array(prompt, np.int16),
            f"continuation_{i}": np.array(continuation, np.int16),
            f"greatest_ids_{i}": greatest.astype(np.int16),
            f"greatest_logits_{i}": np.take_along_axis(logits, greatest, axis=-1),
            f"log_sum_exp_{i}": log_sum_exp(logits),
        }
    np.savez_compressed(out, **arrays)


def _continue(reference: Reference, prompt: list[int]) -> list[int]:
    token_ids = list(prompt)
    for _ in range(NUM_NEW_TOKENS):
        token_ids.append(int(reference.logits(token_ids)[-1].argmax()))
    return token_ids[len(prompt) :]


def weights_digest(hf_dir: Path) -> str:
    """Return the sha256 of a folder's weights."""
    with (hf_dir / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the sum of exponentials of each row."""
    greatest = logits.max(axis=-1, keepdims=True)
    return (np.log(np.exp(logits - greatest).sum(axis=-1)) + greatest[:, 0]).astype(np.float32)


if __name__ == "__main__":
    main()
