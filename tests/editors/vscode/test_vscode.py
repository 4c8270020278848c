"""VS Code by its real keys: the ghost text in the window, and what lies on disk afterwards."""

from contextlib import closing

import pytest

from tests.editors.support.scenarios import check_embedded_model, check_scenario, scenarios_for
from tests.editors.vscode.vscode_driver import VSCodeDriver

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(VSCodeDriver))
def test_scenario(scenario, driver, project):
    check_scenario(driver, scenario, project)


def test_the_embedded_model_completes(driver, project):
    check_embedded_model(driver, project)


def test_accepting_a_line_takes_its_end_along(driver, project):
    path = project.write("example.py", "\n")
    project.write_script([{"prefix_ends_with": "fir", "completion": "st = 1\nsecond = 2"}])
    with closing(driver(project, path, project.scripted)) as window:
        window.place_cursor(0, 0)
        window.type_text("fir")
        window.see("st = 1")
        window.accept_line()
        window.see("second = 2")
        window.save()
        project.wait_for_file("example.py", "first = 1\n\n")
        project.wait_for_usage({"accepted": 0, "partiallyAccepted": 1})
