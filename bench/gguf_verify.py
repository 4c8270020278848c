"""Whether llama-server computes the same with a GGUF as our engine with its model folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.llama_server import LlamaServer, find_llama_server, running_llama_server
from bench.trace import TraceDocument, read_traces
from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.engine import Engine, EngineOptions
from coder_lsp.generation import GenerationOptions
from coder_lsp.model_folder import ModelFolder
from coder_lsp.prompt.fim_template import arrange

NUM_NEW_TOKENS = 32
LONGEST_PROMPT = 1200
NUM_THREADS = 1
NEAR_TIE = 1e-3
_SHARES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of greedy continuations; a near tie is a first difference between two logits so close."""

    num_prompts: int
    num_equal: int
    num_near_ties: int
    longest_prompt: int


def verify_gguf(gguf: Path, model: Path) -> Agreement:
    """Compare greedy continuations of FIM prompts cut from the project's traces."""
    engine = Engine(ModelFolder.read(model), EngineOptions(NUM_THREADS))
    window_tokens = engine.manifest.context_length - NUM_NEW_TOKENS
    prompts = list(_prompts(engine, min(window_tokens, LONGEST_PROMPT)))
    flags = ("-c", str(LONGEST_PROMPT + 64), "-b", "512", "-ub", "512")
    program = find_llama_server()
    num_equal = num_near_ties = 0
    with running_llama_server(program, gguf, NUM_THREADS, flags) as server:
        for token_ids in prompts:
            ours = _ours(engine, token_ids)
            theirs = _theirs(server, token_ids)
            gap = _gap_at_difference(ours, theirs)
            num_equal += gap is None
            num_near_ties += gap is not None and gap < NEAR_TIE
    return Agreement(len(prompts), num_equal, num_near_ties, max(map(len, prompts)))


def _prompts(engine: Engine, window_tokens: int) -> Iterator[list[int]]:
    traces = Path(__file__).parent / "traces"
    documents: dict[str, TraceDocument] = {t.document.path: t.document for t in read_traces(traces)}
    for document in documents.values():
        token_ids = engine.tokenizer.encode(document.text)
        for share in _SHARES:
            hole = int(len(token_ids) * share)
            prefix = token_ids[max(0, hole - 3 * window_tokens // 4) : hole]
            suffix = token_ids[hole : hole + window_tokens // 5]
            yield arrange(engine.manifest.fim, prefix, suffix)


def _ours(engine: Engine, token_ids: list[int]) -> str:
    options = GenerationOptions(max_new_tokens=NUM_NEW_TOKENS)
    engine.forget("verify")
    chunks = engine.generate("verify", token_ids, options, CancellationToken())
    return "".join(chunk.text for chunk in chunks)


def _theirs(server: LlamaServer, token_ids: list[int]) -> list[tuple[str, float]]:
    """Return the text of each token, and how far the second best logit lay below."""
    answer = server.ask(
        "/completion",
        {
            "prompt": token_ids,
            "n_predict": NUM_NEW_TOKENS,
            "temperature": 0,
            "cache_prompt": False,
            "n_probs": 2,
        },
    )
    tokens = []
    for token in answer["completion_probabilities"]:
        best, second = token["top_logprobs"][:2]
        text = bytes(token["bytes"]).decode("utf-8", errors="replace")
        tokens.append((text, best["logprob"] - second["logprob"]))
    return tokens


def _gap_at_difference(ours: str, theirs: list[tuple[str, float]]) -> float | None:
    """Return their gap at the first difference, None where the whole text is the same."""
    done = ""
    for text, gap in theirs:
        done += text
        if not ours.startswith(done):
            return gap
    return None if len(done) >= len(ours.rstrip("\ufffd")) else 0.0
