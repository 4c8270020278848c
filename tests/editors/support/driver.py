"""What the tests ask of every editor; a class for each editor does it with real keys.

"Offer" is what the editor shows of a completion: ghost text, or an entry of the popup.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from tests.editors.support.project import Project


class EditorDriver(Protocol):
    """A running editor with one file open and the server started.

    ``unsupported`` maps names of methods to the reason why the editor cannot do that; scenarios
    that need one are skipped with it. Methods that look wait until they see what they look for, and
    fail otherwise; methods that press keys return at once.
    """

    name: ClassVar[str]
    unsupported: ClassVar[Mapping[str, str]]

    def __init__(self, project: Project, path: Path, settings: Mapping[str, Any] | None) -> None:
        """Start the editor on ``path``, and wait until the server is ready.

        ``settings`` are the server's; the editor is configured by files in ``project.home``, as the
        guide of ``editors/`` tells the user to. With None the guide's commands have been run in
        that home, and nothing is to be added.
        """

    def place_cursor(self, line: int, column: int) -> None:
        """Start typing at a line and column; both from 0, the column in characters."""

    def type_text(self, text: str) -> None:
        """Type characters without line ends, one key after the other."""

    def see(self, rest: str) -> None:
        """Wait until an offer shows ``rest``: (the first line of) what it would add."""

    def see_something(self) -> None:
        """Wait until any offer is shown."""

    def see_nothing(self) -> None:
        """Wait until no offer is shown."""

    def accept(self) -> None:
        """Accept the offer as a whole."""

    def accept_word(self) -> None:
        """Accept the next word of the offer."""

    def accept_line(self) -> None:
        """Accept the first line of the offer."""

    def next_alternative(self) -> None:
        """Show the next alternative."""

    def previous_alternative(self) -> None:
        """Show the alternative before."""

    def dismiss(self) -> None:
        """Dismiss the offer and keep typing."""

    def trigger(self) -> None:
        """Ask for a completion explicitly."""

    def undo(self) -> None:
        """Undo one step, and be ready to save."""

    def save(self) -> None:
        """Save the file."""

    def see_server_end(self) -> None:
        """Wait until the editor tells that the server has ended, or restarts it by itself."""

    def restart_server(self) -> None:
        """Start the server again by the editor's own means, unless the editor does it by itself."""

    def close(self) -> None:
        """End the editor without saving, whatever state it is in."""
