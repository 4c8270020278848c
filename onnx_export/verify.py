"""``--verify``: the exported folder against transformers, on real text, part by part.

Of a float32 export every logit must be right. Rounded weights move all logits a little, and how far
is judged by their root mean square, as a part of the logits' own spread: on mini it is 0.0004 in
fp16, 0.015 in int8 and 0.07 in int4, on Qwen2.5-Coder-0.5B 0.05 in int8. With the rows of one
matrix of one layer in the wrong order it is 0.3 and more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from onnx_export.agreement import greedy_agreement, max_abs_error, relative_error
from onnx_export.config import CONFIG_NAME, Precision
from onnx_export.errors import VerificationError
from onnx_export.graph_run import GraphRun
from onnx_export.model_types import read_model_config
from onnx_export.reference import Reference
from onnx_export.tokenizer_file import TOKENIZER_NAME

_PROMPT_LENGTHS = (1, 37, 200)
_NUM_NEW_TOKENS = 32
_CHUNK = 64
_AGAIN = "Remove the folder and export again; if the same happens, report it."
_MAX_ABS_ERROR = 1e-3
_MAX_RELATIVE_ERRORS: Mapping[Precision, float] = MappingProxyType(
    {"fp32": 1e-3, "fp16": 0.05, "int8": 0.1, "int4": 0.3, "keep": 0.1}
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One prompt's figures; errors are of the logits of the prompt and its continuation.

    ``relative_error`` is the greater of two: read at once, and read again after a rewind.
    """

    num_prompt_tokens: int
    max_abs_logit_error: float
    after_rewind_max_abs_error: float
    relative_error: float
    num_new_tokens: int
    num_agreeing: int
    is_near_tie: bool


def require_agreement(precision: Precision, comparisons: Sequence[Comparison]) -> None:
    """Raise ``VerificationError`` unless the export computes what transformers does."""
    exact = max(max(c.max_abs_logit_error, c.after_rewind_max_abs_error) for c in comparisons)
    relative = max(comparison.relative_error for comparison in comparisons)
    limit = _MAX_RELATIVE_ERRORS[precision]
    if precision == "fp32" and not exact <= _MAX_ABS_ERROR:
        raise VerificationError(
            f"The export is wrong: a logit differs from transformers' by {exact:.2g}, and in fp32 "
            f"by {_MAX_ABS_ERROR} at most. {_AGAIN}"
        )
    if not relative <= limit:
        raise VerificationError(
            f"The export is wrong: its logits differ from transformers' by {relative:.2g} of their "
            f"spread, and in {precision} by {limit} at most. {_AGAIN}"
        )


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
        relative_error=max(
            relative_error(np.concatenate(parts), expected), relative_error(again, expected[half:])
        ),
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
