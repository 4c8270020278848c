"""Whether llama-server computes the same with a GGUF as ONNX Runtime with the model folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.llama_server import LlamaServer, find_llama_server, running_llama_server
from bench.trace import TraceDocument, read_traces
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.prompt.fim_template import arrange
from coder_lsp.tokenizer import Tokenizer

NUM_NEW_TOKENS = 32
LONGEST_PROMPT = 1200
NUM_THREADS = 1
NEAR_TIE = 1e-3
# llama.cpp's flash attention rounds to half precision, as its cache does unless told otherwise.
_EXACT = ("--flash-attn", "off", "--cache-type-k", "f32", "--cache-type-v", "f32")
_SHARES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of greedy continuations; a near tie is a first difference between two logits so close.

    ``largest_gap``: how far, at a first difference, the logit of llama-server's token is below our
    best one. Of ``num_tokens`` that llama-server generated, ``num_agreeing`` are the ones that we
    would have chosen after the very same tokens.
    """

    num_prompts: int
    num_equal: int
    num_near_ties: int
    longest_prompt: int
    largest_gap: float
    num_tokens: int
    num_agreeing: int


def verify_gguf(gguf: Path, model: Path, longest_prompt: int = LONGEST_PROMPT) -> Agreement:
    """Compare greedy continuations of FIM prompts cut from the project's traces."""
    folder = ModelFolder.read(model)
    runner = ModelRunner(folder, NUM_THREADS)
    prompts = list(_prompts(folder, longest_prompt))
    flags = ("-c", str(longest_prompt + 64), "-b", "512", "-ub", "512", *_EXACT)
    with running_llama_server(find_llama_server(), gguf, NUM_THREADS, flags) as server:
        gaps = [_gaps(runner, ids, _continue(server, ids)) for ids in prompts]
    first = [next((gap for gap in of_prompt if gap > 0), 0.0) for of_prompt in gaps]
    differences = [gap for gap in first if gap > 0]
    return Agreement(
        num_prompts=len(prompts),
        num_equal=len(first) - len(differences),
        num_near_ties=sum(gap < NEAR_TIE for gap in differences),
        longest_prompt=max(map(len, prompts)),
        largest_gap=max(differences, default=0.0),
        num_tokens=sum(map(len, gaps)),
        num_agreeing=sum(gap == 0 for of_prompt in gaps for gap in of_prompt),
    )


def _prompts(folder: ModelFolder, longest_prompt: int) -> Iterator[list[int]]:
    tokenizer = Tokenizer(folder.tokenizer_path)
    length = min(folder.manifest.context_length - NUM_NEW_TOKENS, longest_prompt) - 4
    traces = read_traces(Path(__file__).parent / "traces")
    documents: dict[str, TraceDocument] = {t.document.path: t.document for t in traces}
    for document in documents.values():
        token_ids = tokenizer.encode(document.text)
        for share in _SHARES:
            hole = int(len(token_ids) * share)
            prefix = token_ids[max(0, hole - 3 * length // 4) : hole]
            yield arrange(folder.manifest.fim, prefix, token_ids[hole : hole + length // 4])


def _continue(server: LlamaServer, token_ids: Sequence[int]) -> list[int]:
    """Return the ids that llama-server generates greedily; all are looked at, none is banned."""
    answer = server.ask(
        "/completion",
        {
            "prompt": list(token_ids),
            "n_predict": NUM_NEW_TOKENS,
            "temperature": 0,
            "cache_prompt": False,
            "return_tokens": True,
        },
    )
    return [int(token_id) for token_id in answer["tokens"]]


def _gaps(
    runner: ModelRunner, prompt_ids: Sequence[int], generated_ids: Sequence[int]
) -> list[float]:
    """Return for each token how far its logit is below our best one; 0 where we agree."""
    cache = runner.create_cache(len(prompt_ids) + len(generated_ids))
    logits = runner.run(cache, list(prompt_ids), CancellationToken())[-1]
    gaps = []
    for token_id in generated_ids:
        gaps.append(float(np.max(logits) - logits[token_id]))
        logits = runner.run(cache, [token_id], CancellationToken())[-1]
    return gaps
