"""VS Code in a browser, with the extension of ``editors/vscode``."""

import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.editors.install.debian_program import write_launcher
from tests.editors.support.project import Project
from tests.editors.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.editors.vscode.served_code import ServedCode

EXTENSION_ID = "coder-lsp.coder-lsp"
_STATUS = f'[id="{EXTENSION_ID}.coderLsp.status"] [aria-label]'
# What continues an entry of the open list is of a class of its own.
_GHOST_TEXT = '.editor-instance [class*="ghost-text-decoration"]'
_SUGGESTION = ".suggest-widget.visible .monaco-list-row .label-name"
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


class VSCodeDriver:
    """A window of its own in the one code-server; offers are ghost text."""

    name: ClassVar[str] = "VS Code"
    unsupported: ClassVar[Mapping[str, str]] = {
        "accept_line": "VS Code takes the line's end along; test_accepting_a_line has it so"
    }

    def __init__(
        self, served: "ServedCode", project: Project, path: Path, settings: Mapping[str, Any]
    ) -> None:
        served.configure(user_settings(project, settings))
        self._look_at(served, project, path, served.open_window(project.folder))
        self.wait_for_status("ready")
        self.open_file(path.name)

    @classmethod
    def of_window(
        cls, served: "ServedCode", project: Project, path: Path, target: Path
    ) -> "VSCodeDriver":
        """Open a folder or a workspace with the settings as they are, and wait for nothing."""
        driver = cls.__new__(cls)
        driver._look_at(served, project, path, served.open_window(target))
        return driver

    def open_file(self, name: str) -> None:
        """Open a file of the project by the keyboard."""
        self._press("Control+P")
        self.page.keyboard.type(name)
        self.page.wait_for_selector(f'.quick-input-list [aria-label^="{name}"]')
        self._press("Enter")
        self.page.wait_for_selector(f'.tab.active[data-resource-name="{name}"]')
        self.page.wait_for_selector(".editor-instance .monaco-editor.focused")

    def place_cursor(self, line: int, column: int) -> None:
        """Go to a line and column, which VS Code counts in UTF-16 units from 1."""
        text = self._path.read_bytes().decode().splitlines()
        before = text[line][:column] if line < len(text) else " " * column
        units = len(before.encode("utf-16-le")) // 2
        self._press("Control+G")
        self.page.wait_for_selector(".quick-input-widget:visible")
        self.page.keyboard.type(f"{line + 1}:{units + 1}")
        self._press("Enter")
        self.page.wait_for_selector(f'[id="status.editor.selection"]:has-text("Ln {line + 1},")')

    def type_text(self, text: str) -> None:
        """Type characters, one key after the other."""
        self.page.keyboard.type(text, delay=20)

    def see(self, rest: str) -> None:
        """Wait until the ghost text behind the cursor starts with ``rest``."""
        wait_until(lambda: self.ghost_text().startswith(rest), f"ghost text {rest!r}", self._look)

    def see_something(self) -> None:
        """Wait until there is ghost text."""
        wait_until(lambda: self.ghost_text() != "", "ghost text", self._look)

    def see_nothing(self) -> None:
        """Wait until there is no ghost text."""
        wait_until(lambda: self.ghost_text() == "", "no ghost text", self._look)

    def accept(self) -> None:
        """Press Tab."""
        self._press("Tab")

    def accept_word(self) -> None:
        """Press VS Code's own key."""
        self._press("Control+ArrowRight")

    def accept_line(self) -> None:
        """Press the extension's key for VS Code's command, which has none."""
        self._press("Control+Alt+ArrowRight")

    def next_alternative(self) -> None:
        """Press VS Code's own key."""
        self._press("Alt+BracketRight")

    def previous_alternative(self) -> None:
        """Press VS Code's own key."""
        self._press("Alt+BracketLeft")

    def dismiss(self) -> None:
        """Press Escape."""
        self._press("Escape")

    def trigger(self) -> None:
        """Press the extension's key for VS Code's command."""
        self._press("Alt+Backslash")

    def undo(self) -> None:
        """Press Control+Z."""
        self._press("Control+Z")

    def save(self) -> None:
        """Press Control+S."""
        self._press("Control+S")

    def see_server_end(self) -> None:
        """Wait until the status bar has told of it."""
        wait_until(lambda: self.has_told("ended unexpectedly"), "the end to be told", self._look)

    def restart_server(self) -> None:
        """Wait until the extension has started it again."""
        self.wait_for_status("ready")

    def close(self) -> None:
        """Close the window; its server ends with it."""
        self._served.close_window(self.page)
        wait_until(lambda: self._project.servers() == [], "the server to end with its window")

    def ghost_text(self) -> str:
        """Return the ghost text in the cursor's line."""
        parts = self.page.locator(_GHOST_TEXT).all_text_contents()
        return "".join(parts).replace(_NO_BREAK_SPACE, " ")

    def suggestions(self) -> list[str]:
        """Return the entries of VS Code's own list, none when it is closed."""
        return self.page.locator(_SUGGESTION).all_text_contents()

    def see_suggestion(self, text: str) -> None:
        """Wait until VS Code's own list has an entry with this text."""
        wait_until(
            lambda: any(text in entry for entry in self.suggestions()),
            f"{text!r} in the list of suggestions",
            lambda: f"{self.suggestions()}, {self._look()}",
        )

    def status(self) -> str:
        """Return what the status bar's entry says to a screen reader."""
        labels = self.page.locator(_STATUS)
        return labels.first.get_attribute("aria-label") or "" if labels.count() else ""

    def wait_for_status(self, *words: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the status bar's entry says all of the words."""
        wait_until(
            lambda: all(word in self.status() for word in words),
            f"the status to say {words}",
            self._look,
            patience_seconds,
        )

    def has_told(self, words: str) -> bool:
        """Whether the status bar's entry has said these words since the window was opened."""
        return any(words in label for label in self.page.evaluate("window.coderLspStatus"))

    def wait_for_second_server(self) -> None:
        """Wait until the tests' own extension has started the server that its setting names."""
        self.page.wait_for_selector('.statusbar-item:has-text("second server ready")')

    def run_command(self, title: str) -> None:
        """Run a command by its title in the command palette."""
        self._press("Control+Shift+P")
        self.page.wait_for_selector(".quick-input-widget:visible")
        self.page.keyboard.type(title)
        self.page.wait_for_selector(f'.quick-input-list .focused[aria-label^="{title}"]')
        self._press("Enter")

    def choose(self, label: str) -> None:
        """Choose an entry of the list that is open."""
        entry = f'.quick-input-list [role="option"]:has-text("{label}")'
        self.page.wait_for_selector(entry)
        self.page.keyboard.type(label)
        self.page.wait_for_selector(f"{entry}.focused, .focused {entry}")
        self._press("Enter")

    def click_status(self) -> None:
        """Click the status bar's entry, which opens the menu."""
        self.page.click(_STATUS)

    def click_in_notification(self, title: str) -> None:
        """Click a button of a notification, be it shown still or collected behind the bell."""
        button = self.page.locator(f'.notification-list-item .monaco-button:has-text("{title}")')

        def is_shown() -> bool:
            if not button.first.is_visible():
                self.page.click('[id="status.notifications"]')
                self.page.wait_for_timeout(500)
            return button.first.is_visible()

        wait_until(is_shown, f"a notification with {title}", self._look)
        button.first.click()

    def _look_at(self, served: "ServedCode", project: Project, path: Path, page: "Page") -> None:
        self._served = served
        self._project = project
        self._path = path
        self.page = page

    def _press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def _look(self) -> str:
        """Return what the window shows, and leave a picture beside the project."""
        picture = self._project.folder.parent / "window.png"
        self.page.screenshot(path=picture)
        labels = self.page.evaluate("window.coderLspStatus")
        return f"ghost text {self.ghost_text()!r}, status {labels}, picture {picture}"


def user_settings(project: Project, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return VS Code's settings with which a window works in a project's own environment.

    code-server is shared by all projects, so the server is started by a program that sets the
    project's environment.
    """
    program = project.home / "bin" / "coder-lsp"
    write_launcher(program, installed_program("coder-lsp"), project.environment)
    servers = {f"coder-lsp.{name}": value for name, value in settings.items()}
    return {"coder-lsp.path": str(program), **servers}


def installed_program(name: str) -> Path:
    """Return a program of the environment that runs the tests."""
    return Path(sysconfig.get_path("scripts")) / name
