"""How a client counts the kinds of inline requests: from 1 by the specification, or from 0."""

from typing import Any

from lsprotocol.types import InlineCompletionTriggerKind as Kind

_INVOKED, _AUTOMATIC = 1, 2
"""The specification's values. vscode-languageclient 9 sends 0 and 1 for the same two."""


_FAMILY = ("visual studio code", "vscode", "vscodium", "theia", "coc")


class TriggerKinds:
    """Reads trigger kinds of one connection.

    Only the value 1 is ambiguous. A client that has sent 0 counts from 0, and one that has sent 2
    counts from 1. Until then, 1 means automatic for clients in which vscode-languageclient 9 may
    run, because those send it at each keystroke. An explicit request that is taken for automatic
    loses its alternatives once; the other mistake would generate alternatives at each keystroke.
    """

    def __init__(self) -> None:
        self._starts_at_zero: bool | None = None
        self._may_start_at_zero = False

    def expect(self, client_name: str, *, announces_status: bool) -> None:
        """Take note of the client. Our own clients announce that they show the status."""
        name = client_name.casefold()
        is_family = any(part in name for part in _FAMILY)
        self._may_start_at_zero = is_family and not announces_status

    def read(self, value: Any) -> Kind:
        """Return the kind that a client means; unknown values are automatic."""
        if isinstance(value, bool) or value not in (0, _INVOKED):
            if value == _AUTOMATIC and not isinstance(value, bool):
                self._starts_at_zero = False
            return Kind.Automatic
        if value == 0:
            self._starts_at_zero = True
            return Kind.Invoked
        starts_at_zero = self._starts_at_zero
        if starts_at_zero is None:
            starts_at_zero = self._may_start_at_zero
        return Kind.Automatic if starts_at_zero else Kind.Invoked
