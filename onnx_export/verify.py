"""``--verify``: the exported folder against transformers, on real text, part by part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onnx_export.agreement import greedy_agreement, max_abs_error
from onnx_export.config import CONFIG_NAME
from onnx_export.graph_run import GraphRun
from onnx_export.model_types import read_model_config
from onnx_export.reference import Reference
from onnx_export.tokenizer_file import TOKENIZER_NAME

_PROMPT_LENGTHS = (1, 37, 200)
_NUM_NEW_TOKENS = 32
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Comparison:
    """One prompt's figures. ``max_abs_logit_error`` covers the prompt and its continuation."""

    num_prompt_tokens: int
    max_abs_logit_error: float
    after_rewind_max_abs_error: float
    num_new_tokens: int
    num_agreeing: int
    is_near_tie: bool


def verify(hf_dir: Path, model_folder: Path) -> list[Comparison]:
    """Compare logits and greedy tokens. Raises ``ReferenceMissing``."""
    reference = Reference(hf_dir)
    config = read_model_config(hf_dir / CONFIG_NAME)
    text_ids = _text_ids(model_folder / TOKENIZER_NAME)
    capacity = max(_PROMPT_LENGTHS) + _NUM_NEW_TOKENS
    run = GraphRun(model_folder, capacity)
    start = [] if config.bos_token_id is None else [config.bos_token_id]
    return [_compare(reference, run, [*start, *text_ids][:length]) for length in _PROMPT_LENGTHS]


def _compare(reference: Reference, run: GraphRun, prompt: list[int]) -> Comparison:
    run.trim(0)
    parts = [run.append(prompt[i : i + _CHUNK]) for i in range(0, len(prompt), _CHUNK)]
    continuation = list[int]()
    for _ in range(_NUM_NEW_TOKENS):
        continuation.append(int(parts[-1][-1].argmax()))
        parts.append(run.append(continuation[-1:]))
    expected = reference.logits(prompt + continuation)
    half = len(prompt) // 2
    run.trim(half)
    again = run.append(prompt[half:] + continuation)
    agreement = greedy_agreement(continuation, expected[len(prompt) - 1 : -1])
    return Comparison(
        num_prompt_tokens=len(prompt),
        max_abs_logit_error=max_abs_error(np.concatenate(parts), expected),
        after_rewind_max_abs_error=max_abs_error(again, expected[half:]),
        num_new_tokens=len(continuation),
        num_agreeing=agreement.num_agreeing,
        is_near_tie=agreement.is_near_tie,
    )


def _text_ids(tokenizer_path: Path) -> list[int]:
    """Return tokens of a source file that is sure to be there: this one."""
    import tokenizers  # noqa: PLC0415 (an export without --verify does not need it)

    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_path))
    text = Path(__file__).read_text(encoding="utf-8")
    return list(tokenizer.encode(text, add_special_tokens=False).ids)
