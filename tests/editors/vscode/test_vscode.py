"""VS Code by its real keys: the ghost text in the window, and what lies on disk afterwards."""

from contextlib import closing

import pytest

from tests.editors.support.scenarios import (
    answers_while_typing,
    check_embedded_model,
    check_scenario,
    scenarios_for,
)
from tests.editors.vscode.vscode_driver import VSCodeDriver, user_settings

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(VSCodeDriver))
def test_scenario(scenario, driver, project):
    check_scenario(driver, scenario, project)


def test_the_embedded_model_completes(driver, project):
    check_embedded_model(driver, project)


def test_a_trigger_character_brings_ghost_text_and_no_list(driver, project):
    path = project.write("example.py", "value =\n")
    project.write_script(list(answers_while_typing("value = first", 8)))
    with closing(driver(project, path, project.scripted)) as window:
        # The first key after the start: VS Code asks for its list before it asks for ghost text.
        window.place_cursor(0, 7)
        window.type_text(" ")
        window.see("first")
        assert window.suggestions() == []


def test_without_ghost_text_completions_come_in_the_list(served_code, project):
    settings = user_settings(project, project.scripted)
    served_code.configure({**settings, "editor.inlineSuggest.enabled": False})
    path = project.write("example.py", "value =\n")
    project.write_script(list(answers_while_typing("value = first", 8)))
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.wait_for_status("ready")
        window.open_file("example.py")
        window.place_cursor(0, 7)
        window.type_text(" ")
        window.see_suggestion("first")


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


def test_alternatives_come_when_they_are_asked_for(driver, project):
    path = project.write("example.py", "\n")
    others = {"alternatives": ['nt("there")', 'nt("you")']}
    project.write_script([{"prefix_ends_with": "pri", "completion": 'nt("hello")', **others}])
    with closing(driver(project, path, project.scripted)) as window:
        window.place_cursor(0, 0)
        window.type_text("pri")
        window.see('nt("hello")')
        window.next_alternative()
        window.see('nt("there")')
        window.next_alternative()
        window.see('nt("you")')
        window.previous_alternative()
        window.see('nt("there")')
        window.accept()
        window.save()
        project.wait_for_file("example.py", 'print("there")\n')
        project.wait_for_usage({"accepted": 1})


def test_what_is_dismissed_and_left_is_rejected(driver, project):
    path = project.write("example.py", "\n")
    project.write_script(list(answers_while_typing('print("hello")', 3)))
    with closing(driver(project, path, project.scripted)) as window:
        window.place_cursor(0, 0)
        window.type_text("pri")
        window.see('nt("hello")')
        window.dismiss()
        window.see_nothing()
        window.type_text("vate")
        window.save()
        project.wait_for_file("example.py", "private\n")
        project.wait_for_usage({"shown": 1, "accepted": 0, "rejected": 1})
