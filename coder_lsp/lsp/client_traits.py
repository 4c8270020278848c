"""What is known of single clients, by the name they send with ``initialize``; the one place for it.

Each trait was seen in the client itself, by its own tests in ``tests/editors/``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientTraits:
    """``tells_acceptance``: it runs an item's command after each acceptance, partial ones too.

    Of other clients edits are looked at as well, since some tell of whole acceptance only, some of
    none. Neovim joins the edits of 150 ms into one, so that typing looks like acceptance.
    """

    tells_acceptance: bool = False


_TRAITS = {"Neovim": ClientTraits(tells_acceptance=True)}


def client_traits(name: str) -> ClientTraits:
    """Return what is known of a client."""
    return _TRAITS.get(name, ClientTraits())
