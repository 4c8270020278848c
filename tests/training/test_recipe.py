from pathlib import Path

import pytest

from training.errors import TrainingError
from training.recipe import Schedule, read_recipe
from training.train.schedule import learning_rate_factor

RECIPES = Path(__file__).parents[2] / "training" / "recipes"


@pytest.mark.parametrize("name", ["mini", "mini-decay", "small", "smoke"])
def test_the_recipes_are_read(name):
    recipe = read_recipe(RECIPES / f"{name}.toml")

    assert recipe.name == name
    assert recipe.tokens_per_step == recipe.rows * recipe.row_length * recipe.accumulation
    assert sum(recipe.mix.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "", "missing: seed"),
        ("seed = 1", "seed = 1\nspeed = 2", "unknown: speed"),
        ("rows = 8", 'rows = "8"', "rows: expected int, found '8'"),
        ("[model]", "[modell]", "unknown: modell"),
        ("seed = 1", "seed =", "cannot be read as a recipe"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, old, new, message):
    text = (RECIPES / "smoke.toml").read_text(encoding="utf-8")
    (tmp_path / "wrong.toml").write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(TrainingError, match=message):
        read_recipe(tmp_path / "wrong.toml")


def check_factor(step, expected, *, recipe_began=0, warmup=10, max_steps=100, decay=20):
    schedule = Schedule(warmup_steps=warmup, max_steps=max_steps, decay_steps=decay)
    factor = learning_rate_factor(schedule, step, step - recipe_began)

    assert factor == pytest.approx(expected)


def test_the_learning_rate_warms_up_stays_and_decays():
    check_factor(0, 0.1)
    check_factor(9, 1.0)
    check_factor(79, 1.0)
    check_factor(90, 0.5)
    check_factor(100, 0.0)


def test_a_decay_that_ends_a_run_counts_its_steps_from_where_it_began():
    check_factor(1111, 1.0, recipe_began=1111, max_steps=20)
    check_factor(1121, 0.5, recipe_began=1111, max_steps=20)
    check_factor(1131, 0.0, recipe_began=1111, max_steps=20)


def test_the_decay_of_mini_takes_all_steps_of_its_recipe():
    schedule = read_recipe(RECIPES / "mini-decay.toml").schedule

    assert schedule.max_steps == schedule.decay_steps


def test_without_decay_the_learning_rate_stays():
    check_factor(99, 1.0, decay=0)
