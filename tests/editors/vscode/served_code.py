"""code-server with the extension in it, and a Chromium to show it: started once for all tests."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.editors.install import programs
from tests.editors.support.waiting import PATIENCE_SECONDS, wait_until
from tests.editors.vscode.vscode_driver import EXTENSION_ID

_WINDOW = {"width": 1200, "height": 720}
_CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
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

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the user's settings, beside those that keep the editor quiet."""
        text = json.dumps({**_QUIET_SETTINGS, **settings}, indent=1)
        for scope in ("User", "Machine"):
            path = self._folder / "data" / scope / "settings.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def settings(self) -> dict[str, Any]:
        """Return the user's settings as they stand, changed by the editor itself perhaps."""
        path = self._folder / "data" / "User" / "settings.json"
        return json.loads(path.read_text(encoding="utf-8"))

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
def serve_code(folder: Path) -> Iterator[ServedCode]:
    """Start code-server with the packaged extension in a home of its own, and Chromium."""
    home = folder / "home"
    home.mkdir(parents=True)
    port = _free_port()
    options = ["--user-data-dir", folder / "data", "--extensions-dir", folder / "extensions"]
    command = [programs.installed("code_server"), *options, "--config", folder / "config.yaml"]
    environment = clean_environment(home)
    install = [*command, "--install-extension", programs.installed("vsix")]
    subprocess.run(install, env=environment, check=True, capture_output=True)
    serve = [*command, "--auth", "none", "--bind-addr", f"127.0.0.1:{port}", *_SERVING]
    with (folder / "code-server.log").open("wb") as log:
        process = subprocess.Popen(serve, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(port), "code-server to listen")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=programs.installed("chromium"), args=_CHROMIUM_ARGUMENTS
            )
            yield ServedCode(folder, port, browser)
            browser.close()
    finally:
        process.terminate()
        process.wait()


_SERVING = (
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-workspace-trust",
    "--disable-getting-started-override",
    "--reconnection-grace-time=5",
)


def clean_environment(home: Path, *programs_folders: Path) -> dict[str, str]:
    """Return an environment with a new user's home and without a ``coder-lsp`` on PATH."""
    kept = {name: text for name, text in os.environ.items() if not _is_of_the_user(name)}
    folders = [Path(name) for name in os.environ["PATH"].split(os.pathsep)]
    without_ours = [folder for folder in folders if not (folder / "coder-lsp").exists()]
    path = os.pathsep.join(map(str, [*programs_folders, *without_ours]))
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
