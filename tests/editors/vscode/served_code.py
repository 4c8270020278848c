"""VS Code in a browser: code-server, and a Chromium to show it."""

import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.editors.install import programs
from tests.editors.support.waiting import PATIENCE_SECONDS, wait_until
from tests.editors.vscode.manifest import machine_settings
from tests.editors.vscode.vscode_driver import EXTENSION_ID

_WINDOW = {"width": 1200, "height": 720}
_CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
_SERVING = (
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-getting-started-override",
    "--reconnection-grace-time=5",
)
_QUIET_SETTINGS = {
    "chat.disableAIFeatures": True,
    "editor.wordBasedSuggestions": "off",
    "extensions.ignoreRecommendations": True,
    "files.autoSave": "off",
    "files.hotExit": "off",
    "git.enabled": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "window.commandCenter": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
}
# What the status bar's entry of the extension has said since the page was loaded.
_RECORD_STATUS = """
window.coderLspStatus = [];
new MutationObserver(() => {
  const label = document.querySelector('[id="ENTRY"] [aria-label]')?.ariaLabel;
  const seen = window.coderLspStatus;
  if (label && seen.at(-1) !== label) seen.push(label);
}).observe(document, { subtree: true, childList: true, attributes: true });
""".replace("ENTRY", f"{EXTENSION_ID}.coderLsp.status")


class ServedCode:
    """One code-server for all tests. Each opens windows of its own, on a folder of its own."""

    def __init__(self, folder: Path, port: int, browser: Browser) -> None:
        self._folder = folder
        self._port = port
        self._browser = browser

    @property
    def home(self) -> Path:
        """The home folder of the user whose editor this is."""
        return self._folder / "home"

    @property
    def programs(self) -> Path:
        """The folder of ``code``, the command by which extensions are installed."""
        return self._folder / "bin"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the user's settings, beside those that keep the editor quiet."""
        wanted = {**_QUIET_SETTINGS, **settings}
        of_the_machine = machine_settings()
        for path, is_machines in ((self._user, False), (self._machine, True)):
            part = {k: v for k, v in wanted.items() if (k in of_the_machine) == is_machines}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(part, indent=1), encoding="utf-8")

    def settings(self) -> dict[str, Any]:
        """Return the user's settings as they stand, changed by the editor itself perhaps."""
        # The editor empties a file before it writes it.
        texts = [path.read_text("utf-8") or "{}" for path in (self._user, self._machine)]
        user, machine = map(json.loads, texts)
        return {**user, **machine}

    @property
    def _user(self) -> Path:
        return self._folder / "data" / "User" / "settings.json"

    @property
    def _machine(self) -> Path:
        return self._folder / "data" / "Machine" / "settings.json"

    def open_window(self, target: Path) -> Page:
        """Open a window on a folder or a ``.code-workspace`` file."""
        kind = "workspace" if target.is_file() else "folder"
        context = self._browser.new_context(viewport=_WINDOW, device_scale_factor=2)
        context.add_init_script(_RECORD_STATUS)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"http://127.0.0.1:{self._port}/?{kind}={target}")
        page.wait_for_selector(".monaco-workbench .part.statusbar")
        return page

    def close_window(self, page: Page) -> None:
        """Close a window as a user does, so that its extensions end."""
        page.goto("about:blank")
        page.context.close()


@contextmanager
def launch_browser() -> Iterator[Browser]:
    """Start Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=programs.installed("chromium"), args=_CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@contextmanager
def serve_code(folder: Path, browser: Browser, extensions: Sequence[Path]) -> Iterator[ServedCode]:
    """Start code-server with packaged extensions, and nothing else, in a home of its own."""
    home = folder / "home"
    home.mkdir(parents=True)
    program = write_code(folder)
    environment = clean_environment(home)
    for extension in extensions:
        install_extension(program, extension, environment)
    port = _free_port()
    serve = [program, "--auth", "none", "--bind-addr", f"127.0.0.1:{port}", *_SERVING]
    with (folder / "code-server.log").open("wb") as log:
        process = subprocess.Popen(serve, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(port), "code-server to listen")
        yield ServedCode(folder, port, browser)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def install_extension(code: Path, extension: Path, environment: Mapping[str, str]) -> None:
    """Install a packaged extension."""
    command = [code, "--install-extension", extension]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def write_code(folder: Path) -> Path:
    """Write ``bin/code``, a code-server with its data and extensions in ``folder``."""
    code = folder / "bin" / "code"
    options = {"user-data-dir": "data", "extensions-dir": "extensions", "config": "config.yaml"}
    arguments = " ".join(
        f"--{name} {shlex.quote(str(folder / to))}" for name, to in options.items()
    )
    code.parent.mkdir(parents=True)
    server = shlex.quote(str(programs.installed("code_server")))
    code.write_text(f'#!/bin/sh\nexec {server} {arguments} "$@"\n', encoding="utf-8")
    code.chmod(0o755)
    return code


def clean_environment(home: Path) -> dict[str, str]:
    """Return a new user's environment, with no ``coder-lsp`` on PATH but in ``~/.local/bin``."""
    kept = {name: text for name, text in os.environ.items() if not _is_of_the_user(name)}
    folders = [Path(name) for name in os.environ["PATH"].split(os.pathsep)]
    without_ours = [folder for folder in folders if not (folder / "coder-lsp").exists()]
    path = os.pathsep.join(map(str, [home / ".local" / "bin", *without_ours]))
    return {**kept, "HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8"}


def _is_of_the_user(name: str) -> bool:
    prefixes = ("XDG_", "CODER_LSP_", "VSCODE_", "PYTHON", "VIRTUAL_ENV", "LC_", "LANG")
    return name.startswith(prefixes)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
