"""Neovim by its real keys: the ghost text on the screen, and what lies on disk afterwards."""

import pytest

from tests.editors.neovim.neovim_driver import NeovimDriver
from tests.editors.support.capture import save_capture
from tests.editors.support.scenarios import (
    answers_while_typing,
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


@pytest.mark.picture
def test_ghost_text_is_pictured(project):
    code = 'def mean(numbers):\n    """Return the average."""\n    \n\nprint(mean([1, 2, 3]))\n'
    rest = "\n    return total / len(numbers)"
    project.write_script(list(answers_while_typing("    total = sum(numbers)", 6, rest)))
    editor = NeovimDriver(project, project.write("mean.py", code), project.scripted)
    try:
        editor.terminal.resize(84, 16)
        editor.place_cursor(2, 4)
        editor.type_text("tot")
        editor.see("al = sum(numbers)")
        assert editor.ghost_lines() == ["al = sum(numbers)", "    return total / len(numbers)"]
        save_capture(editor.terminal, "neovim", "Neovim")
    finally:
        editor.close()


def test_several_lines_are_shown_as_they_will_stand(project):
    project.write_script(list(answers_while_typing("total = add(first,", 15, "\n\tsecond")))
    path = project.write("example.py", "total = add()\n")
    editor = NeovimDriver(project, path, project.scripted)
    try:
        editor.place_cursor(0, 12)
        editor.type_text("fir")
        editor.see("st,")
        editor.wait_for("total = add(first,\n    second)\n")
    finally:
        editor.close()
