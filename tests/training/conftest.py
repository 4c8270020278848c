from pathlib import Path

import pytest

from training.fim_transform.sample import SampleMaker
from training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "training" / "recipes"


@pytest.fixture(scope="session")
def smoke_recipe():
    return read_recipe(RECIPES / "smoke.toml")


@pytest.fixture
def sample_maker(smoke_recipe, encoder, folder):
    return SampleMaker(encoder, folder.manifest.fim, smoke_recipe.samples)
