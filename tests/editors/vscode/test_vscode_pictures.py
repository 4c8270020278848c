"""The pictures of the extension's page and walkthrough, made of what is really shown.

With ``CODER_LSP_CAPTURES`` set (``make pictures``) they are saved into ``editors/vscode/images``.
"""

import os
from contextlib import closing

import pytest

from tests.editors.support.capture import ENVIRONMENT_VARIABLE
from tests.editors.support.scenarios import answers_while_typing
from tests.editors.vscode.manifest import PATH
from tests.editors.vscode.vscode_driver import VSCodeDriver, user_settings

pytestmark = [pytest.mark.editors, pytest.mark.picture]

CODE = '''\
"""Figures of a list of numbers."""


def mean(numbers):
    """Return the arithmetic mean."""
    return sum(numbers) / len(numbers)


def variance(numbers):
    """Return the mean squared distance from the mean."""
    \n\n
print(variance([1, 2, 3]))
'''
LINE = "    middle = mean(numbers)"
REST = "\n    return mean([(number - middle) ** 2 for number in numbers])"
LOOKS = {
    "breadcrumbs.enabled": False,
    "editor.fontFamily": "DejaVu Sans Mono",
    "editor.fontSize": 15,
    "editor.minimap.enabled": False,
    "editor.quickSuggestions": {"other": "on", "comments": "off", "strings": "off"},
    "window.zoomLevel": 0,
    "workbench.activityBar.location": "hidden",
    "workbench.colorTheme": "Default Dark Modern",
}


@pytest.fixture
def window(served_code, project):
    served_code.configure({**user_settings(project, project.scripted), **LOOKS})
    project.write_script(list(answers_while_typing(LINE, 7, REST)))
    path = project.write("figures.py", CODE)
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.page.set_viewport_size({"width": 860, "height": 520})
        window.wait_for_status("ready")
        window.page.keyboard.press("Control+B")
        window.open_file("figures.py")
        yield window


def test_ghost_text_is_pictured(window):
    window.place_cursor(10, 4)
    window.type_text("mid")
    window.see("dle = mean(numbers)")
    save_picture(window, "ghost-text")


def test_the_status_menu_is_pictured(window):
    window.click_status()
    window.page.wait_for_selector('.quick-input-list [aria-label*="Snooze"]')
    save_picture(window, "status-menu")


def test_the_walkthrough_is_pictured(window):
    window.page.set_viewport_size({"width": 1200, "height": 720})
    window.run_command("coder-lsp: Open Walkthrough")
    window.page.click('.step-title:has-text("Type, and press Tab")')
    window.page.wait_for_selector(".getting-started-media img")
    save_picture(window, "walkthrough")


def save_picture(window, name):
    window.page.wait_for_timeout(500)  # cursors blink, and pictures fade in
    if os.environ.get(ENVIRONMENT_VARIABLE):
        window.page.screenshot(path=PATH.parent / "images" / f"{name}.png")
