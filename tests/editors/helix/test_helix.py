"""Helix by its real keys: what the popup shows, and what lies on disk after it was taken."""

import pytest

from tests.editors.helix.helix_driver import HelixDriver
from tests.editors.support.scenarios import (
    check_embedded_model,
    check_guide,
    check_scenario,
    scenarios_for,
)

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(HelixDriver))
def test_scenario(scenario, project):
    check_scenario(HelixDriver, scenario, project)


def test_the_embedded_model_completes(project):
    check_embedded_model(HelixDriver, project)


def test_the_guide_leads_from_nothing_to_a_completion(guided_project):
    check_guide(HelixDriver, "Helix", guided_project)
