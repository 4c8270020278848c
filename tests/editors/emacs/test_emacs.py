"""Emacs by its real keys, with lsp-mode and with eglot: what it shows, and what lies on disk."""

import shutil

import pytest

from tests.editors.emacs.emacs_driver import EglotDriver, LspModeDriver, provide_emacs
from tests.editors.support import guide
from tests.editors.support.capture import save_capture
from tests.editors.support.scenarios import (
    answers_while_typing,
    check_embedded_model,
    check_guide,
    check_scenario,
    scenarios_for,
)

pytestmark = pytest.mark.editors

both_clients = pytest.mark.parametrize(
    "driver", [LspModeDriver, EglotDriver], ids=["lsp-mode", "eglot"]
)


@pytest.mark.parametrize("scenario", scenarios_for(LspModeDriver))
def test_scenario_with_lsp_mode(scenario, project):
    check_scenario(LspModeDriver, scenario, project)


@pytest.mark.parametrize("scenario", scenarios_for(EglotDriver))
def test_scenario_with_eglot(scenario, project):
    check_scenario(EglotDriver, scenario, project)


@both_clients
def test_the_embedded_model_completes(driver, project):
    check_embedded_model(driver, project)


@both_clients
def test_the_guide_leads_from_nothing_to_a_completion(driver, guided_project):
    # lsp-mode, which the guide has the user take from MELPA, comes from Debian with Emacs.
    provide_emacs(guided_project)
    shutil.rmtree(guided_project.home / ".emacs.d", ignore_errors=True)
    first, section = driver.sections
    guide.follow(first, guided_project.clone, guided_project.environment)
    check_guide(driver, section, guided_project)


@pytest.mark.picture
@both_clients
def test_ghost_text_is_pictured(driver, project):
    body = "\n        a, b = b, a % b"
    project.write_script(list(answers_while_typing("    while b:", 9, body)))
    path = project.write(
        "gcd.py", 'def gcd(a, b):\n    """Euclid."""\n    \n\nprint(gcd(12, 18))\n'
    )
    editor = driver(project, path, project.scripted)
    try:
        editor.terminal.resize(84, 16)
        editor.place_cursor(2, 4)
        editor.type_text("while")
        editor.see(" b:")
        editor.terminal.wait_for("a, b = b, a % b")
        save_capture(editor.terminal, f"emacs-{driver.client}", driver.name)
    finally:
        editor.close()
