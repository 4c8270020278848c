"""The learning rate over the steps."""

from training.recipe import Schedule


def learning_rate_factor(schedule: Schedule, step: int) -> float:
    """Return the share of the full learning rate for the step after ``step`` steps."""
    warmup = min(1.0, (step + 1) / max(schedule.warmup_steps, 1))
    if not schedule.decay_steps:
        return warmup
    decay = (schedule.max_steps - step) / schedule.decay_steps
    return min(warmup, max(decay, 0.0))
