"""Neovim in a terminal, with the plug-in of ``editors/neovim``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.ansi import AnsiDecoder
from rich.text import Text

from tests.editors.install import programs
from tests.editors.support.project import Project
from tests.editors.support.terminal import Terminal
from tests.editors.support.waiting import wait_until

PLUGIN = Path(__file__).parents[3] / "editors" / "neovim"

_GHOST_COLOUR = (119, 136, 153)
_INSERT = "-- INSERT --"
_READY = "coder-lsp: ready"

_INIT = """\
vim.opt.runtimepath:prepend(%(plugin)s)
vim.g.coder_lsp = vim.json.decode(%(options)s)
vim.lsp.enable('coder_lsp')
%(more)s
"""

# What the tests look for on the screen: the status, and ghost text by a colour that is its own.
_LOOK = (
    "set termguicolors statusline=%f\\ %=\\ %{%v:lua.require'coder_lsp'.statusline()%}"
    f" | highlight ComplHint guifg=#{bytes(_GHOST_COLOUR).hex()}"
)


class NeovimDriver:
    """Offers are ghost text, which is told from other text by its colour."""

    name: ClassVar[str] = "Neovim"
    unsupported: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        project: Project,
        path: Path,
        settings: Mapping[str, Any] | None,
        options: Mapping[str, Any] | None = None,
        more: str = "",
        status: str = _READY,
    ) -> None:
        if settings is not None:
            write_init(project, {"settings": settings, **(options or {})}, more)
        command = [str(programs.installed("neovim")), "-n", "-c", _LOOK, str(path)]
        self.terminal = Terminal(command, project.folder, project.environment)
        try:
            self.terminal.wait_for(path.name, status)
        except AssertionError:
            self.close()  # nobody else can: there is no driver yet
            raise

    def place_cursor(self, line: int, column: int) -> None:
        self.command(
            f"call cursor({line + 1}, byteidxcomp(getline({line + 1}), {column}) + 1)"
            f" | exe strchars(getline('.')) == {column} ? 'startinsert!' : 'startinsert'"
        )
        self.terminal.wait_for(_INSERT)

    def type_text(self, text: str) -> None:
        self.terminal.type_text(text)

    def see(self, rest: str) -> None:
        def is_seen() -> bool:
            return any(line.startswith(rest) for line in self.ghost_lines()[:1])

        wait_until(is_seen, f"ghost text {rest!r}", self.terminal.screen)

    def see_something(self) -> None:
        wait_until(lambda: self.ghost_lines() != [], "ghost text", self.terminal.screen)

    def see_nothing(self) -> None:
        wait_until(lambda: self.ghost_lines() == [], "no ghost text", self.terminal.screen)

    def accept(self) -> None:
        self.terminal.press("Tab")

    def accept_word(self) -> None:
        self.terminal.press("M-Right")

    def accept_line(self) -> None:
        self.terminal.press("M-C-Right")

    def next_alternative(self) -> None:
        self.terminal.press("M-]")

    def previous_alternative(self) -> None:
        self.terminal.press("M-[")

    def dismiss(self) -> None:
        self.terminal.press("C-]")

    def trigger(self) -> None:
        self.terminal.press("M-\\")

    def undo(self) -> None:
        self._to_normal_mode()
        self.terminal.press("u")

    def save(self) -> None:
        self.command("w")

    def see_server_end(self) -> None:
        self.terminal.wait_for("coder-lsp: ended", ":CoderLsp restart")

    def restart_server(self) -> None:
        self.command("CoderLsp restart")
        self.terminal.wait_for(_READY)
        self.terminal.press("a")
        self.terminal.wait_for(_INSERT)

    def close(self) -> None:
        self.terminal.close()

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self.terminal.press(*keys)

    def wait_for(self, *texts: str) -> None:
        """Wait until all texts are on the screen."""
        self.terminal.wait_for(*texts)

    def command(self, text: str) -> None:
        """Run a command of the command line from whatever mode, and stay in Normal mode."""
        self._to_normal_mode()
        self.terminal.type_text(f":{text}")
        self.terminal.press("Enter")

    def ghost_lines(self) -> list[str]:
        """Return what is on the screen in the colour of ghost text, line by line."""
        # One decoder for all lines: a colour that goes on in the next line is not said again.
        lines = AnsiDecoder().decode(self.terminal.screen_with_colours())
        return [ghost for line in lines if (ghost := _in_ghost_colour(line))]

    def _to_normal_mode(self) -> None:
        self.terminal.press("Escape")
        # A key that follows at once would be taken as typed with Alt.
        self.terminal.wait_for_no(_INSERT)


def write_init(project: Project, options: Mapping[str, Any], more: str = "") -> None:
    """Write Neovim's configuration to the home folder; ``more`` is Lua for its end."""
    folder = project.home / ".config" / "nvim"
    folder.mkdir(parents=True)
    init = _INIT % {
        "plugin": _lua_text(str(PLUGIN)),
        "options": _lua_text(json.dumps(options)),
        "more": more,
    }
    (folder / "init.lua").write_text(init, encoding="utf-8")


def _lua_text(text: str) -> str:
    return f"[==[{text}]==]"


def _in_ghost_colour(line: Text) -> str:
    colours = [span for span in line.spans if _is_ghost(span.style)]
    return "".join(line.plain[span.start : span.end] for span in colours)


def _is_ghost(style: Any) -> bool:
    triplet = style.color and style.color.triplet
    return triplet is not None and tuple(triplet) == _GHOST_COLOUR
