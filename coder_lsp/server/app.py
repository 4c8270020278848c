"""The language server as a whole: what it is made of, and how it is served."""

from coder_lsp.settings import Settings


def serve_stdio(settings: Settings) -> int:
    """Serve one client over standard input and output; return the process's exit status.

    ``settings`` are what the command line says; the client's options are applied on top of them.
    """
    raise NotImplementedError


def serve_tcp(settings: Settings, host: str, port: int) -> int:
    """Serve the first client that connects, for debugging; return the process's exit status."""
    raise NotImplementedError
