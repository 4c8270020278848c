"""The learning rate over the steps."""

from training.recipe import Schedule


def learning_rate_factor(schedule: Schedule, step: int, recipe_step: int) -> float:
    """Return the share of the full learning rate for the next step.

    ``step`` counts the run's steps so far, and ``recipe_step`` those by this recipe. The optimizer
    begins with the run, so the warm-up counts the run's steps; the decay counts the recipe's.
    """
    warmup = min(1.0, (step + 1) / max(schedule.warmup_steps, 1))
    if not schedule.decay_steps:
        return warmup
    decay = (schedule.max_steps - recipe_step) / schedule.decay_steps
    return min(warmup, max(decay, 0.0))
