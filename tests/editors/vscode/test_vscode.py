"""VS Code by its real keys: the ghost text in the window, and what lies on disk afterwards."""

import pytest

from tests.editors.support.scenarios import check_embedded_model, check_scenario, scenarios_for
from tests.editors.vscode.vscode_driver import VSCodeDriver

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(VSCodeDriver))
def test_scenario(scenario, driver, project):
    check_scenario(driver, scenario, project)


def test_the_embedded_model_completes(driver, project):
    check_embedded_model(driver, project)
