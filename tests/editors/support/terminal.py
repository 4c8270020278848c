"""A terminal with an editor in it: keys go in, the screen is looked at. tmux does the work."""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tests.editors.install import programs
from tests.editors.support.waiting import PATIENCE_SECONDS, wait_until

_CONFIGURATION = """\
set -g default-terminal tmux-256color
set -sg escape-time 0
set -g status off
set -g remain-on-exit on
"""


class Terminal:
    """One program in a tmux of its own; ``close`` ends both."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        columns: int = 100,
        rows: int = 30,
    ) -> None:
        # Of its own, since a socket's path must be short and tmux leaves the file behind.
        self._folder = tempfile.TemporaryDirectory(prefix="tmux-", ignore_cleanup_errors=True)
        self._environment = environment
        configuration = folder.parent / "tmux.conf"
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        self._program = [str(programs.installed("tmux")), "-u", "-S", f"{self._folder.name}/socket"]
        size = ["-x", str(columns), "-y", str(rows)]
        start = ["-f", str(configuration), "new-session", "-d", *size, "-c", str(folder)]
        self._run(*start, *command)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, such as ``Escape``, ``Tab``, ``C-x``, ``M-]``."""
        self._run("send-keys", *keys)

    def type_text(self, text: str) -> None:
        """Type characters as they stand, one key after the other."""
        for character in text:
            # A semicolon at the end would end the command for tmux.
            self._run("send-keys", "-l", "--", "\\;" if character == ";" else character)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, for a picture."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """Return the screen's text, line by line, without colours."""
        return self._run("capture-pane", "-p")

    def screen_with_colours(self) -> str:
        """Return the screen as text with ANSI's escape sequences."""
        return self._run("capture-pane", "-e", "-p")

    def picture(self) -> str:
        """Return the screen with ANSI's escape sequences and all blanks at the ends of lines."""
        return self._run("capture-pane", "-e", "-p", "-N")

    def cursor(self) -> tuple[int, int]:
        """Return row and column of the cursor, from 0; a wide character takes two columns."""
        row, column = self._run("display-message", "-p", "#{cursor_y} #{cursor_x}").split()
        return int(row), int(column)

    def cursor_line(self) -> str:
        """Return the line of the screen that the cursor is in."""
        return self.screen().split("\n")[self.cursor()[0]]

    def has_ended(self) -> bool:
        """Whether the program has ended."""
        return self._run("display-message", "-p", "#{pane_dead}").strip() == "1"

    def wait_for(self, *texts: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until all ``texts`` are on the screen."""
        self.wait_for_screen(
            lambda screen: all(text in screen for text in texts),
            f"{texts} on the screen",
            patience_seconds,
        )

    def wait_for_no(self, *texts: str) -> None:
        """Wait until none of ``texts`` is on the screen."""
        self.wait_for_screen(
            lambda screen: not any(text in screen for text in texts), f"no {texts} on the screen"
        )

    def wait_for_screen(
        self,
        is_right: Callable[[str], object],
        expected: str,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Wait until the screen's text satisfies a condition."""
        wait_until(lambda: bool(is_right(self.screen())), expected, self.screen, patience_seconds)

    def close(self) -> None:
        """End the program and its terminal, also a program that lives on without one."""
        pid = self._run("display-message", "-p", "#{pane_pid}").strip()
        self._run("kill-server")
        # Emacs with a buffer that was not saved goes on for ever, and grows as it does.
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(pid)).kill()
        self._folder.cleanup()

    def _run(self, *arguments: str) -> str:
        result = subprocess.run(
            [*self._program, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"tmux {arguments[0]}: {result.stderr.strip()}"
        return result.stdout
