"""Every step in a minute, from an empty folder to a completion, on Python's own modules."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from training.corpus.build import build_corpus
from training.corpus.package import Package
from training.corpus.store import Corpus
from training.evaluate.command import export_model_folder
from training.export import export_huggingface
from training.recipe import read_recipe
from training.tokenizer import train_tokenizer
from training.train.command import start_or_resume

_RECIPE = Path(__file__).parent / "recipes" / "smoke.toml"
_USES = {"asyncio": "train", "email": "train", "http": "train", "unittest": "held-out"}
_TOKENIZER_BYTES = 1_000_000
_CODE = "def mean(values):\n    total = sum(values)\n    return \n"


def run_smoke(folder: Path, say: Callable[[str], None]) -> None:
    """Build a corpus, a tokenizer and a model in ``folder``, export it and complete with it."""
    recipe = read_recipe(_RECIPE)
    evaluation = folder / "evaluation"
    evaluation.mkdir(parents=True)
    task = {"task_id": "smoke/0", "prompt": _CODE, "canonical_solution": "", "suffix": ""}
    (evaluation / "tasks.jsonl").write_text(json.dumps(task) + "\n", encoding="utf-8")
    build_corpus(_packages(), folder, evaluation, folder / "corpus", 1, say)
    tokenizer = folder / "tokenizer.json"
    vocab_size = recipe.model.vocab_size
    corpus = Corpus(folder / "corpus")
    train_tokenizer(corpus, recipe.mix, vocab_size, _TOKENIZER_BYTES, recipe.seed, tokenizer)
    say(f"tokenizer of {vocab_size} tokens")
    run = folder / "run"
    start_or_resume(recipe, folder / "corpus", tokenizer, run, None, None, 0, 2, "cpu")
    say((run / "log.jsonl").read_text(encoding="utf-8").splitlines()[-2])
    export_huggingface(recipe, run / "checkpoints", tokenizer, folder / "huggingface")
    export_model_folder(folder / "huggingface", folder / "model", "fp32")
    _complete(folder)


def _packages() -> list[Package]:
    version = platform.python_version()
    return [
        Package("stdlib", name, version, "python", "PSF-2.0", use, "any")
        for name, use in _USES.items()
    ]


def _complete(folder: Path) -> None:
    source = folder / "example.py"
    source.write_text(_CODE, encoding="utf-8")
    complete = [sys.executable, "-m", "coder_lsp", "complete", f"{source}:3:12"]
    subprocess.run([*complete, "--model", folder / "model", "--json"], check=True)
