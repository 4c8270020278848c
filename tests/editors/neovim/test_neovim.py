"""Neovim by its real keys: the ghost text on the screen, and what lies on disk afterwards."""

import pytest

from tests.editors.neovim.neovim_driver import NeovimDriver
from tests.editors.support.scenarios import (
    check_embedded_model,
    check_guide,
    check_scenario,
    scenarios_for,
)

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(NeovimDriver))
def test_scenario(scenario, project):
    check_scenario(NeovimDriver, scenario, project)


def test_embedded_model(project):
    check_embedded_model(NeovimDriver, project)


def test_guide_leads_to_ghost_text(guided_project):
    check_guide(NeovimDriver, "Neovim", guided_project)
