"""Evaluate a Hugging Face folder: bits per byte, held-out lines, infilling by ``bench``."""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from coder_lsp.backends.local import LocalBackend
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.settings import Settings
from coder_lsp.tokenizer import Tokenizer
from training.corpus.store import Corpus
from training.evaluate.bits_per_byte import bits_per_byte
from training.evaluate.held_out_lines import held_out_lines
from training.model.deepseek import DeepSeek
from training.model.huggingface import load_huggingface
from training.recipe import Recipe
from training.train.command import fim_template

_ENCODER_CAPACITY = 65536
_WINDOW_TOKENS = 2048
_UNHURRIED_MS = 600_000


def evaluate(
    recipe: Recipe,
    folder: Path,
    corpus_folder: Path,
    bytes_per_language: int,
    infilling: Path | None,
    limit: int,
    lines_per_language: int,
    threads: int,
) -> dict[str, Any]:
    """Return the figures of a Hugging Face folder as a JSON object.

    ``infilling`` is a data set of human-eval-infilling, of which ``limit`` tasks are run on the
    folder's int8 export, as are the held-out lines.
    """
    torch.set_num_threads(threads)
    model = DeepSeek(recipe.model).eval()
    model.load_state_dict(load_huggingface(folder, recipe.model))
    tokenizer = Tokenizer(folder / "tokenizer.json")
    encoder = LineEncoder(tokenizer, _ENCODER_CAPACITY)
    bos = fim_template(tokenizer).bos
    assert bos is not None, "mini's prompts start with BOS"
    corpus = Corpus(corpus_folder)
    measured = bits_per_byte(model, corpus, encoder, bos, bytes_per_language, recipe.seed)
    figures: dict[str, Any] = {
        "model": json.loads((folder / "training.json").read_text(encoding="utf-8")),
        "bits_per_byte": {language: asdict(figure) for language, figure in measured.items()},
    }
    with tempfile.TemporaryDirectory() as temporary:
        exported = Path(temporary) / "model"
        export_model_folder(folder, exported, "int8")
        if lines_per_language > 0:
            figures["held_out_lines"] = _lines(exported, corpus, lines_per_language, recipe.seed)
        if infilling is not None:
            figures["infilling"] = _infilling(exported, infilling, limit)
    return figures


def _lines(model: Path, corpus: Corpus, lines_per_language: int, seed: int) -> dict[str, Any]:
    settings = Settings(
        model=str(model.resolve()),
        time_budget_ms=_UNHURRIED_MS,
        context_tokens=_WINDOW_TOKENS,
        disk_cache=False,
    )
    backend = LocalBackend.load(settings)
    measured = held_out_lines(backend, corpus, lines_per_language, seed)
    return {
        language: {**asdict(lines), "exact_match": round(lines.exact_match, 4)}
        for language, lines in measured.items()
    }


def _infilling(model: Path, tasks: Path, limit: int) -> Any:
    result = model.with_name("infilling.json")
    bench = [sys.executable, "-m", "bench", "infilling", str(tasks), "--limit", str(limit)]
    subprocess.run([*bench, "--model", str(model), "--json", str(result)], check=True)
    return json.loads(result.read_text(encoding="utf-8"))


def export_model_folder(folder: Path, out: Path, precision: str) -> None:
    """Turn a Hugging Face folder into a model folder with the exporter, as a child."""
    exporter = [sys.executable, "-m", "onnx_export", str(folder), str(out)]
    subprocess.run([*exporter, "--precision", precision], check=True)
