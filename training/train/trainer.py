"""The training loop: batch, loss, step, and now and then a line, a checkpoint, a milestone."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from training.data.batches import Batch, Position
from training.model.deepseek import DeepSeek
from training.model.huggingface import save_huggingface
from training.recipe import Recipe
from training.train.card import training_card
from training.train.checkpoint import Checkpoint, Progress, load_checkpoint, save_checkpoint
from training.train.control import Control
from training.train.lineage import Lineage, continue_lineage
from training.train.meter import Meter
from training.train.optimizer import Optimizer
from training.train.progress_bar import ProgressBar
from training.train.run_log import RunLog
from training.train.schedule import learning_rate_factor


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often what happens."""

    log_steps: int = 10
    validation_steps: int = 250
    checkpoint_seconds: float = 480.0


@dataclass(frozen=True, slots=True)
class Places:
    """The run's folder and what lies in it."""

    run: Path
    tokenizer: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of ``last.pt``."""
        return self.run / "checkpoints"

    @property
    def log(self) -> Path:
        """The log, one JSON object a line."""
        return self.run / "log.jsonl"

    def milestone(self, tokens: int) -> Path:
        """Hugging Face folder of the averaged weights after so many tokens."""
        return self.run / "milestones" / f"{tokens // 1_000_000:04}M"


class Trainer:
    """Trains one model by one recipe, and can be stopped at any moment."""

    def __init__(
        self,
        recipe: Recipe,
        lineage: Lineage,
        model: DeepSeek,
        places: Places,
        control: Control,
        intervals: Intervals,
        device: torch.device,
    ) -> None:
        self.progress = Progress(0, 0, Position(0, {}))
        self.model = model.to(device)
        self.optimizer = Optimizer(self.model, recipe.optimization)
        self._recipe = recipe
        self._lineage = lineage
        self._places = places
        self._control = control
        self._intervals = intervals
        self._device = device
        self._log = RunLog(places.log)
        self._saved = time.monotonic()
        self._started_at = 0

    def resume(self) -> bool:
        """Continue from the newest checkpoint; return False if there is none yet.

        Raises ``TrainingError`` if the checkpoint cannot be read or belongs to another run.
        """
        loaded = load_checkpoint(self._places.checkpoints)
        if loaded is None:
            return False
        self._lineage = continue_lineage(loaded.lineage, self._lineage, loaded.progress.step)
        self.progress = loaded.progress
        self.model.load_state_dict(loaded.model)
        self.optimizer.load_state(loaded.optimizer)
        return True

    def run(self, batches: Iterator[Batch], validation: list[Batch]) -> None:
        """Train on ``batches``, which must start at ``progress.position``.

        Ends when the recipe's steps are done or a stop is asked for, and saves then.
        """
        max_steps = self._lineage.recipe_step + self._recipe.schedule.max_steps
        meter = Meter()
        self._started_at = self.progress.tokens
        self._write("start")
        num_left = max_steps - self.progress.step
        total = self.progress.tokens + num_left * self._recipe.tokens_per_step
        with ProgressBar(total, self.progress.tokens) as bar:
            while self.progress.step < max_steps and not self._control.is_stop_asked:
                self._step(batches, meter)
                bar.update(self.progress.tokens, meter.mean_loss)
                self._validate_when_due(validation)
                self._save_when_due()
                if self._pause_when_asked():
                    meter.restart()
        self._save("stop")

    def validation_loss(self, validation: list[Batch]) -> float:
        """Return the mean loss a token of the weights as they are."""
        self.model.eval()
        with torch.no_grad():
            losses = [self._loss(batch)[0].item() for batch in validation]
        self.model.train()
        return sum(losses) / len(losses)

    def _step(self, batches: Iterator[Batch], meter: Meter) -> None:
        recipe, progress = self._recipe, self.progress
        loss = balance = 0.0
        num_tokens = 0
        for batch in islice(batches, recipe.accumulation):
            batch_loss, batch_balance = self._loss(batch)
            weighted = batch_loss + recipe.optimization.load_balance_weight * batch_balance
            (weighted / recipe.accumulation).backward()
            loss += batch_loss.item() / recipe.accumulation
            balance += batch_balance.item() / recipe.accumulation
            num_tokens += batch.num_tokens
            progress = replace(progress, position=batch.position)
        factor = learning_rate_factor(
            recipe.schedule, progress.step, progress.step - self._lineage.recipe_step
        )
        norm = self.optimizer.step(factor)
        meter.add(loss, num_tokens)
        self.progress = replace(
            progress, step=progress.step + 1, tokens=progress.tokens + num_tokens
        )
        if self.progress.step % self._intervals.log_steps == 0:
            self._write(
                "step",
                loss=meter.mean_loss,
                balance=balance,
                gradient_norm=norm,
                learning_rate_factor=factor,
                tokens_per_second=meter.tokens_per_second,
            )
            meter.restart()

    def _loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        token_ids = torch.from_numpy(batch.token_ids).to(self._device)
        targets = torch.from_numpy(batch.targets).to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            return self.model.loss(token_ids, targets)

    def _validate_when_due(self, validation: list[Batch]) -> None:
        """Measure the averaged weights too: they are what a milestone holds."""
        if self.progress.step % self._intervals.validation_steps:
            return
        current = self.validation_loss(validation)
        parameters = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.model.load_state_dict(self.optimizer.average)
        average = self.validation_loss(validation)
        self.model.load_state_dict(parameters)
        self._write("validation", loss=current, average_loss=average)

    def _save_when_due(self) -> None:
        recipe, tokens = self._recipe, self.progress.tokens
        milestone = tokens // recipe.milestone_tokens * recipe.milestone_tokens
        if milestone > self._started_at and not self._places.milestone(milestone).exists():
            folder = self._places.milestone(milestone)
            card = training_card(self._lineage, self.progress)
            average, shape = self.optimizer.average, self.model.shape
            save_huggingface(folder, shape, average, self._places.tokenizer, card)
            self._write("milestone")
        if time.monotonic() - self._saved > self._intervals.checkpoint_seconds:
            self._save("checkpoint")

    def _pause_when_asked(self) -> bool:
        seconds = self._control.wait_while_paused(lambda: self._save("pause"))
        if seconds:
            self._write("resume", seconds=seconds)
        return seconds > 0

    def _save(self, event: str) -> None:
        model, optimizer = self.model.state_dict(), self.optimizer.state()
        checkpoint = Checkpoint(self.progress, self._lineage, model, optimizer)
        save_checkpoint(self._places.checkpoints, checkpoint)
        self._saved = time.monotonic()
        self._write(event)

    def _write(self, event: str, **facts: float) -> None:
        progress = asdict(self.progress)
        self._log.write(event, **progress, **facts)
