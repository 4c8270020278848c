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
# What is typed before the quick input has the focus is lost, or goes into the file.
_IS_ASKED = """
(prefix) => document.querySelector(".quick-input-widget input:focus")?.value === prefix
"""
_FOCUSED_EDITOR = ".editor-instance .monaco-editor.focused"
# VS Code makes the part of an editor that asks for ghost text when the browser is idle, 5 s later
# at the latest, and asks nothing for keys that came before. Idle callbacks run in their order.
_WAIT_UNTIL_IDLE = "new Promise((go) => requestIdleCallback(go, { timeout: 6000 }))"
_FOLDER = '.explorer-folders-view .monaco-list-row[aria-level="1"][aria-label^="{}"]'
_NO_FOLDERS = '.welcome-view-content:has-text("not yet added a folder")'
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
        self._ask("Control+P", "", name, f'.focused[aria-label^="{name}"]')
        self.page.wait_for_selector(f'.tab.active[data-resource-name="{name}"]')
        self.page.wait_for_selector(_FOCUSED_EDITOR)
        self.page.evaluate(_WAIT_UNTIL_IDLE)

    def wait_for_folders(self, *names: str) -> None:
        """Wait until a workspace of several folders is there, and the server is ready.

        VS Code 1.139 in a browser loses the folders for good when it can first read the workspace's
        file just as it sets the empty workspace up. A user would load the window anew.
        """

        def are_there() -> bool:
            self.wait_for_status("ready")
            if self.page.locator(_NO_FOLDERS).is_visible():
                self.page.reload()
            return all(self.page.locator(_FOLDER.format(name)).is_visible() for name in names)

        wait_until(are_there, f"the folders {names}", self._look)
        wait_until(lambda: len(self._project.servers()) == 1, "a window's former server to end")

    def place_cursor(self, line: int, column: int) -> None:
        """Go to a line and column, which VS Code counts in UTF-16 units from 1."""
        text = self._path.read_bytes().decode().splitlines()
        before = text[line][:column] if line < len(text) else " " * column
        units = len(before.encode("utf-16-le")) // 2
        self._ask("Control+G", ":", f"{line + 1}:{units + 1}")
        self.page.wait_for_selector(_FOCUSED_EDITOR)
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

    def told(self) -> list[str]:
        """Return all that the status bar's entry has said since the window was opened."""
        return self.page.evaluate("window.coderLspStatus")

    def has_told(self, words: str) -> bool:
        """Whether it has said these words."""
        return any(words in label for label in self.told())

    def wait_for_restart(self, told: list[str], patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the server is ready again, since the entry had said what was ``told``."""

        def is_restarted() -> bool:
            labels = self.told()[len(told) :]
            return any("starting" in label for label in labels) and "coder-lsp: ready" in labels[-1]

        wait_until(is_restarted, "the server to be started again", self._look, patience_seconds)

    def wait_for_second_server(self) -> None:
        """Wait until the tests' own extension has started the server that its setting names."""
        self.page.wait_for_selector('.statusbar-item:has-text("second server ready")')

    def run_command(self, title: str) -> None:
        """Run a command by its title in the command palette."""
        self._ask("Control+Shift+P", ">", title, f'.focused[aria-label^="{title}"]')

    def choose(self, label: str) -> None:
        """Choose an entry of the list that is open."""
        entry = f'.quick-input-list [role="option"]:has-text("{label}")'
        self.page.wait_for_selector(entry)
        self.page.wait_for_function(_IS_ASKED, arg="")
        self.page.keyboard.type(label)
        self.page.wait_for_selector(f"{entry}.focused, .focused {entry}")
        self._press("Enter")

    def click_status(self) -> None:
        """Click the status bar's entry, which opens the menu."""
        self.page.click(_STATUS)

    def press_in_notification(self, title: str) -> None:
        """Press a button of a notification among those behind the bell, where they stay."""
        centre = self.page.locator(".notifications-center.visible")
        button = centre.locator(f'.monaco-button:has-text("{title}")')

        def is_shown() -> bool:
            if not centre.is_visible():
                self.page.click('[id="status.notifications"]')
                self.page.wait_for_timeout(500)  # the bell is also what closes them
            return button.first.is_visible()

        wait_until(is_shown, f"a notification with {title}", self._look)
        button.first.press("Enter")  # the bell's own explanation lies above the button

    def _look_at(self, served: "ServedCode", project: Project, path: Path, page: "Page") -> None:
        self._served = served
        self._project = project
        self._path = path
        self.page = page

    def _ask(self, key: str, prefix: str, text: str, found: str | None = None) -> None:
        """Open VS Code's quick input, type into it, and press Enter once it has ``found`` it."""
        self._press(key)
        self.page.wait_for_function(_IS_ASKED, arg=prefix)
        self.page.keyboard.type(text)
        if found is not None:
            self.page.wait_for_selector(f".quick-input-list {found}")
        self._press("Enter")

    def _press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def _look(self) -> str:
        """Return what the window shows, and leave a picture beside the project."""
        picture = self._project.folder.parent / "window.png"
        self.page.screenshot(path=picture)
        return f"ghost text {self.ghost_text()!r}, status {self.told()}, picture {picture}"


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
