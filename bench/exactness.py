"""``exactness``: the exported mini, run by the product's engine, against transformers.

Each prompt is read in chunks and continued token by token; then the cache is rewound into the
middle of the prompt, and the rest is read again, the end of it token by token. The reference reads
prompt and continuation at once, without a cache. Where a router of the reference has two experts as
good as equal, rounding chooses, and what follows is not compared: ``router_ties`` counts such
prompts. Tiny random models follow: one with Lite's rotary settings, one of DeepSeek-Coder v1's
architecture and one of Qwen2.5-Coder's.
"""

import json
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

from bench.errors import BenchError
from bench.options import mini_option
from bench.result_file import write_result
from bench.source_prompts import source_texts
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer
from onnx_export.agreement import greedy_agreement, max_abs_error, rows_before_router_tie
from onnx_export.config import CONFIG_NAME, ExportConfig, Precision
from onnx_export.errors import ExportError
from onnx_export.export import HuggingFaceFolder, Labels, export
from onnx_export.model_types import read_model_config
from onnx_export.reference import Reference
from testing.parity import Sequence, load_runner
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_llama import write_tiny_llama
from testing.tiny_qwen2 import write_tiny_qwen2

LOGIT_TOLERANCE = 1e-3
MAX_NEAR_TIE_SHARE = 0.005
MAX_ROUTER_TIE_SHARE = 0.02
NUM_NEW_TOKENS = 32
_CHUNK_SIZES = (1, 3, 16, 64, 100)
_SEED = 20_26


@dataclass(slots=True)
class Exactness:
    """Sums over prompts; ``tokens`` were compared, ``agreeing`` counts over all that were made."""

    precision: Precision
    prompts: int = 0
    tokens: int = 0
    max_abs_logit_error: float = 0.0
    greedy_mismatches: int = 0
    after_rewind_max_abs_error: float = 0.0
    near_ties: int = 0
    router_ties: int = 0
    agreeing: int = 0
    generated: int = 0
    seconds: float = field(default=0.0)

    @property
    def is_exact(self) -> bool:
        """Whether the float32 export keeps its promise."""
        return (
            max(self.max_abs_logit_error, self.after_rewind_max_abs_error) <= LOGIT_TOLERANCE
            and self.greedy_mismatches == 0
            # A single tie says nothing about a small sample.
            and self.near_ties <= max(1, MAX_NEAR_TIE_SHARE * self.tokens)
            and self.router_ties <= max(1, MAX_ROUTER_TIE_SHARE * self.prompts)
        )

    def as_json(self) -> dict[str, float | str]:
        """Return the figures under the names that the issue gives them."""
        return {
            "prompts": self.prompts,
            "tokens": self.tokens,
            "max_abs_logit_error": self.max_abs_logit_error,
            "greedy_mismatches": self.greedy_mismatches,
            "after_rewind_max_abs_error": self.after_rewind_max_abs_error,
            "near_ties": self.near_ties,
            "router_ties": self.router_ties,
            "precision": self.precision,
            "agreement_rate": self.agreeing / max(self.generated, 1),
            "seconds": round(self.seconds, 1),
        }


@click.command()
@click.option("--json", "json_path", required=True, type=click.Path(path_type=Path))
@click.option("--precision", default="fp32", type=click.Choice(["fp32", "int8", "int4"]))
@click.option("--prompts", "num_prompts", default=200, show_default=True)
@mini_option("--model")
def command(json_path: Path, precision: Precision, num_prompts: int, hf_dir: Path) -> None:
    """Compare logits and greedy tokens with transformers; exit status 1 if fp32 is not exact."""
    try:
        mini, *tiny = _measure_all(hf_dir, precision, num_prompts)
    except ExportError as exc:
        raise BenchError(str(exc)) from exc
    document = {
        **mini.as_json(),
        "model": hf_dir.name,
        **{name: found.as_json() for name, found in zip(_TINY, tiny, strict=True)},
    }
    write_result(json_path, document)
    click.echo(json.dumps(document, indent=2))
    if precision == "fp32" and not all(found.is_exact for found in (mini, *tiny)):
        raise click.ClickException("The float32 export is not exact.")


_TINY: Mapping[str, Callable[[Path], Path]] = types.MappingProxyType(
    {
        "tiny_with_yarn": write_tiny_checkpoint,
        "tiny_llama": write_tiny_llama,
        "tiny_qwen2": write_tiny_qwen2,
    }
)


def _measure_all(hf_dir: Path, precision: Precision, num_prompts: int) -> list[Exactness]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        hf_dirs = [hf_dir, *(write(folder / f"{name}-hf") for name, write in _TINY.items())]
        return [
            _measure(source, folder / str(i), precision, num_prompts)
            for i, source in enumerate(hf_dirs)
        ]


def _measure(hf_dir: Path, out_dir: Path, precision: Precision, num_prompts: int) -> Exactness:
    started = time.perf_counter()
    export(HuggingFaceFolder(hf_dir), out_dir, ExportConfig(precision), Labels(), lambda *_: None)
    reference = Reference(hf_dir)
    runner = load_runner(out_dir)
    exactness = Exactness(precision)
    for prompt, generator in _prompts(hf_dir, out_dir, num_prompts):
        sequence = Sequence(runner, len(prompt) + NUM_NEW_TOKENS)
        _compare(reference, sequence, prompt, generator, exactness)
    exactness.seconds = time.perf_counter() - started
    return exactness


def _compare(
    reference: Reference,
    sequence: Sequence,
    prompt: list[int],
    generator: np.random.Generator,
    exactness: Exactness,
) -> None:
    parts = [sequence.append_in_chunks(prompt, _chunk_sizes(len(prompt), generator))]
    continuation = list[int]()
    for _ in range(NUM_NEW_TOKENS):
        continuation.append(int(parts[-1][-1].argmax()))
        parts.append(sequence.append(continuation[-1:]))
    token_ids = prompt + continuation
    expected, margins = reference.logits_and_router_margins(token_ids)
    end = rows_before_router_tie(margins)

    offset = int(generator.integers(0, len(prompt)))
    sequence.rewind(offset)
    again = sequence.append_in_chunks(
        token_ids[offset:], _chunk_sizes(len(token_ids) - offset - NUM_NEW_TOKENS, generator)
    )

    choices = expected[len(prompt) - 1 : -1]
    num_before_tie = max(end - len(prompt) + 1, 0)
    agreement = greedy_agreement(continuation[:num_before_tie], choices[:num_before_tie])
    exactness.prompts += 1
    exactness.router_ties += end < len(token_ids)
    exactness.tokens += agreement.num_compared
    exactness.greedy_mismatches += agreement.is_mismatch
    exactness.near_ties += agreement.is_near_tie
    exactness.agreeing += greedy_agreement(continuation, choices).num_agreeing
    exactness.generated += len(continuation)
    exactness.max_abs_logit_error = max(
        exactness.max_abs_logit_error, max_abs_error(np.concatenate(parts)[:end], expected[:end])
    )
    exactness.after_rewind_max_abs_error = max(
        exactness.after_rewind_max_abs_error,
        max_abs_error(again[: max(end - offset, 0)], expected[offset : max(end, offset)]),
    )


def _chunk_sizes(num_tokens: int, generator: np.random.Generator) -> list[int]:
    """Return sizes of chunks that leave a few tokens to be read one by one."""
    sizes, left = list[int](), num_tokens - int(generator.integers(0, 4))
    while left > 0:
        sizes.append(min(int(generator.choice(_CHUNK_SIZES)), left))
        left -= sizes[-1]
    return sizes


def _prompts(
    hf_dir: Path, out_dir: Path, num_prompts: int
) -> Iterator[tuple[list[int], np.random.Generator]]:
    """Yield fill-in-the-middle prompts of up to 256 tokens, cut from source files at random."""
    config = read_model_config(hf_dir / CONFIG_NAME)
    folder = ModelFolder.read(out_dir)
    fim, tokenizer = folder.manifest.fim, Tokenizer(folder.tokenizer_path)
    generator = np.random.default_rng(_SEED)
    for text in source_texts(num_prompts):
        token_ids = [i for i in tokenizer.encode(text) if i < config.vocab_size]
        length = int(generator.integers(8, 257))
        window = token_ids[:length]
        hole = int(generator.integers(1, len(window)))
        prefix, suffix = window[:hole], window[hole + NUM_NEW_TOKENS :]
        prompt = [*fim.bos_ids, fim.fim_begin, *prefix, fim.fim_hole, *suffix, fim.fim_end]
        yield prompt, generator
