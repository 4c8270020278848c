"""The trainer itself; torch is needed, so these run in the reference environment."""

# ruff: noqa: E402 (what imports torch comes after the test for it)

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.corpus.store import Corpus, write_corpus
from training.data.batches import Position, ahead
from training.errors import TrainingError
from training.evaluate.bits_per_byte import bits_per_byte
from training.export import export_huggingface
from training.model.deepseek import DeepSeek
from training.train.card import progress_of
from training.train.checkpoint import Progress
from training.train.command import (
    batch_maker,
    sample_maker,
    start_or_resume,
    validation_batches,
)
from training.train.control import Control
from training.train.lineage import begin_lineage
from training.train.trainer import Intervals, Places, Trainer

pytestmark = pytest.mark.reference

ROOT = Path(__file__).parents[2]
NUM_STEPS = 6


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    sources = sorted((ROOT / "coder_lsp").rglob("*.py"))
    with write_corpus(folder) as writer:
        for number, path in enumerate(sources):
            use = "held-out" if number % 5 == 0 else "train"
            writer.add(path.name, "coder-lsp", "python", use, path.read_text(encoding="utf-8"))
    return folder


@pytest.fixture
def recipe(smoke_recipe, folder):
    return replace(
        smoke_recipe,
        rows=2,
        model=replace(smoke_recipe.model, vocab_size=folder.manifest.architecture.vocab_size),
        schedule=replace(smoke_recipe.schedule, max_steps=NUM_STEPS, decay_steps=2),
    )


@pytest.fixture
def train(recipe, corpus_folder, folder):
    """Return a function that trains in a folder, asking for a stop after so many steps."""

    def train_in(run, stop_after=NUM_STEPS, validation_steps=3, recipe=recipe):
        torch.manual_seed(recipe.seed)
        control = Control(None)
        places = Places(run, folder.tokenizer_path)
        intervals = Intervals(log_steps=1, validation_steps=validation_steps)
        device = torch.device("cpu")
        lineage = begin_lineage(recipe, corpus_folder, folder.tokenizer_path)
        model = DeepSeek(recipe.model)
        trainer = Trainer(recipe, lineage, model, places, control, intervals, device)
        trainer.resume()
        corpus = Corpus(corpus_folder)
        maker = sample_maker(recipe, folder.tokenizer_path)
        batches = batch_maker(recipe, corpus, maker, "train")

        def until_stop(made):
            for number, batch in zip(count(1), made, strict=False):
                control.is_stop_asked = number >= stop_after
                yield batch

        made = ahead(batches.batches(trainer.progress.position, recipe.rows))
        validation = validation_batches(recipe, corpus, maker)
        trainer.run(until_stop(made), validation[:1])
        return trainer

    return train_in


def losses(run, event="step"):
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        found["step"]: found["loss"] for found in map(json.loads, lines) if found["event"] == event
    }


def check_same_weights(left, right):
    for name, parameter in left.model.named_parameters():
        assert torch.equal(parameter, dict(right.model.named_parameters())[name]), name
        assert torch.equal(left.optimizer.average[name], right.optimizer.average[name]), name


def test_a_resumed_run_is_the_uninterrupted_run(train, tmp_path):
    whole = train(tmp_path / "whole")
    for _ in range(3):
        stopped = train(tmp_path / "stopped", stop_after=2)

    assert stopped.progress == whole.progress
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")
    assert losses(tmp_path / "stopped", "validation") == losses(tmp_path / "whole", "validation")
    check_same_weights(whole, stopped)


def test_training_learns(train, tmp_path):
    train(tmp_path)

    assert losses(tmp_path)[NUM_STEPS] < losses(tmp_path)[1]


def test_validation_leaves_the_weights_as_they_were(train, tmp_path):
    often = train(tmp_path / "often", stop_after=2, validation_steps=1)
    never = train(tmp_path / "never", stop_after=2)

    assert len(losses(tmp_path / "often", "validation")) == 2
    check_same_weights(often, never)


def test_a_checkpoint_that_breaks_off_leaves_the_one_before(train, tmp_path, monkeypatch):
    stopped = train(tmp_path, stop_after=2)

    def half(_, file):
        file.write(b"half a checkpoint")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        train(tmp_path, stop_after=1)
    monkeypatch.undo()

    assert train(tmp_path, stop_after=1).progress.step == stopped.progress.step + 1


def cut_off(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def overwrite(path):
    torch.save({"format_version": 2}, path)


@pytest.mark.parametrize("damage", [Path.unlink, cut_off, empty, overwrite])
def test_the_checkpoint_before_the_last_is_used_if_the_last_is_missing_or_damaged(
    train, tmp_path, damage, capfd
):
    train(tmp_path, stop_after=2)
    train(tmp_path, stop_after=2)
    damage(tmp_path / "checkpoints" / "last.pt")

    assert train(tmp_path, stop_after=1).progress.step == 3
    reported = "last.pt cannot be read" in capfd.readouterr().err
    assert reported == (damage is not Path.unlink)


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(train, tmp_path):
    train(tmp_path, stop_after=2)
    cut_off(tmp_path / "checkpoints" / "last.pt")

    with pytest.raises(
        TrainingError, match=r"no checkpoint that is whole: last\.pt cannot be read"
    ):
        train(tmp_path, stop_after=1)


def test_a_checkpoint_of_another_format_is_refused_and_not_skipped(train, tmp_path):
    train(tmp_path, stop_after=2)
    train(tmp_path, stop_after=2)
    torch.save({"format_version": 1}, tmp_path / "checkpoints" / "last.pt")

    with pytest.raises(TrainingError, match="format version 1, expected 2"):
        train(tmp_path, stop_after=1)


def factors_of(run):
    lines = map(json.loads, (run / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return {i["step"]: i["learning_rate_factor"] for i in lines if "learning_rate_factor" in i}


def test_a_run_ends_with_a_second_recipe_whose_steps_count_from_there(train, tmp_path, recipe):
    schedule = replace(recipe.schedule, warmup_steps=1, max_steps=4, decay_steps=4)
    decay = replace(recipe, name="decay", schedule=schedule)
    train(tmp_path, stop_after=5)
    assert train(tmp_path, stop_after=2, recipe=decay).progress.step == 7
    assert train(tmp_path, recipe=decay).progress.step == 9

    factors = factors_of(tmp_path)
    assert [factors[step] for step in (6, 7, 8, 9)] == [1.0, 0.75, 0.5, 0.25]


def change(recipe, corpus_folder, tokenizer_path, what, tmp_path):
    """Return the three with one of them changed."""
    if what == "model shape":
        recipe = replace(recipe, model=replace(recipe.model, hidden_size=32))
    if what == "seed":
        recipe = replace(recipe, seed=recipe.seed + 1)
    if what == "corpus":
        corpus_folder = tmp_path / "other"
        with write_corpus(corpus_folder) as writer:
            for use in ("train", "held-out"):
                writer.add("a.py", use, "python", use, "def f(x):\n    return x\n" * 99)
    if what == "tokenizer":
        document = json.loads(tokenizer_path.read_text(encoding="utf-8"))
        tokenizer_path = tmp_path / "tokenizer.json"
        tokenizer_path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return recipe, corpus_folder, tokenizer_path


@pytest.mark.parametrize("what", ["model shape", "seed", "corpus", "tokenizer"])
def test_a_run_is_not_continued_with_what_its_position_does_not_belong_to(
    train, tmp_path, recipe, corpus_folder, folder, what
):
    run = tmp_path / "run"
    train(run, stop_after=1)
    changed = change(recipe, corpus_folder, folder.tokenizer_path, what, tmp_path)

    with pytest.raises(TrainingError, match=f"belongs to another {what} than"):
        start_or_resume(*changed, run, None, None, 0, 1, "cpu")


def test_a_run_from_anothers_weights_goes_on_in_the_data(
    train, tmp_path, recipe, corpus_folder, folder
):
    stopped = train(tmp_path / "first", stop_after=2)
    tokenizer, weights = folder.tokenizer_path, tmp_path / "weights"
    export_huggingface(recipe, tmp_path / "first" / "checkpoints", tokenizer, weights)
    card = json.loads((weights / "training.json").read_text())
    assert card["tokens"] == stopped.progress.tokens
    card["tokens"] = num_tokens = recipe.milestone_tokens + 1
    (weights / "training.json").write_text(json.dumps(card))
    run = tmp_path / "second"
    start_or_resume(recipe, corpus_folder, tokenizer, run, weights, None, 0, 1, "cpu")

    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert lines[0]["event"] == "start"
    assert lines[0]["step"] == 0
    assert lines[0]["tokens"] == num_tokens
    assert Position(**lines[0]["position"]) == stopped.progress.position
    assert lines[-1]["step"] == NUM_STEPS
    assert not (run / "milestones").exists()  # it was not this run that got so far


def test_weights_without_a_position_begin_the_data_anew(tmp_path):
    (tmp_path / "training.json").write_text('{"recipe": "mini", "tokens": 7, "step": 3}')

    assert progress_of(tmp_path, "a corpus") == Progress(0, 0, Position(0, {}))


def test_a_position_in_another_corpus_is_not_used(tmp_path):
    card = {"corpus": "theirs", "tokens": 7, "position": {"rows": 3, "drawn": {}}}
    (tmp_path / "training.json").write_text(json.dumps(card))

    assert progress_of(tmp_path, "ours") == Progress(0, 0, Position(0, {}))
    assert progress_of(tmp_path, "theirs") == Progress(0, 7, Position(3, {}))


@pytest.mark.skipif(not hasattr(os, "nice"), reason="Windows ends a process without a signal")
def test_a_signal_saves_and_ends_the_command(tmp_path, corpus_folder, recipe, folder):
    text = (ROOT / "training" / "recipes" / "smoke.toml").read_text(encoding="utf-8")
    text = text.replace("vocab_size = 1024", f"vocab_size = {recipe.model.vocab_size}")
    text = text.replace("max_steps = 60", "max_steps = 100000")
    (tmp_path / "long.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "training", "train", "--recipe", tmp_path / "long.toml"]
    command += ["--corpus", corpus_folder, "--tokenizer", folder.tokenizer_path]
    run = tmp_path / "run"
    trainer = subprocess.Popen([*command, "--run", run], cwd=ROOT)
    while trainer.poll() is None and not (run / "log.jsonl").exists():
        time.sleep(0.1)
    trainer.send_signal(signal.SIGTERM)

    assert trainer.wait(timeout=120) == 0
    assert json.loads((run / "log.jsonl").read_text().splitlines()[-1])["event"] == "stop"
    assert (run / "checkpoints" / "last.pt").is_file()


def test_a_model_that_knows_nothing_needs_all_bits_of_its_vocabulary(
    corpus_folder, recipe, encoder, folder
):
    model = DeepSeek(recipe.model).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    bos = folder.manifest.fim.bos
    figures = bits_per_byte(model, Corpus(corpus_folder), encoder, bos, 5000, seed=1)
    found = figures["python"]

    assert found.num_bytes >= 5000
    assert found.nats_per_token == pytest.approx(math.log(recipe.model.vocab_size), rel=1e-3)
    expected = math.log2(recipe.model.vocab_size) * found.num_tokens / found.num_bytes
    assert found.bits_per_byte == pytest.approx(expected, rel=1e-3)
