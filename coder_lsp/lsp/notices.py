"""Every sentence that a user may be shown, besides those that errors and settings bring along."""

from collections.abc import Sequence

LOADING = "Loading the completion model"
LOADED = "The completion model is loaded"
NOT_LOADED = "There is no completion model"
ACCEPTED = "Completion accepted"
STARTING = "Starting"
THINKING = "Thinking"
OFF = "Completions are off"
INTERNAL_ERROR = "Internal error in coder-lsp. Please report it with the traceback from the log."
INVALID_PARAMS = "The parameters are not what the Language Server Protocol says."
ID_IN_USE = "The id belongs to a request that has not been answered yet; use another one."
INVALID_REQUEST = "Expected one JSON-RPC 2.0 message."
NOT_JSON = "Expected JSON in UTF-8."
NOT_INITIALIZED = "The first request should be initialize."
INITIALIZED_TWICE = "The server is initialized already."
SHUT_DOWN = "The server was asked to shut down; only exit may follow."


def cannot_complete(reason: str) -> str:
    """Say why there are no completions; ``reason`` names the remedy."""
    return f"coder-lsp cannot complete: {reason}"


def failed_to_load(error: str) -> str:
    """Say that loading met an error nobody thought of."""
    return cannot_complete(
        f"loading the model met an unexpected {error}. Run coder-lsp doctor, and see the log."
    )


def ready(model: str, remarks: Sequence[str]) -> str:
    """Say which model completes, and what a user should know of where it runs."""
    return ". ".join([f"Ready: {model}", *remarks])


def new_default(model: str) -> str:
    """Say that the default model completes, and that it was another model before."""
    return f"coder-lsp now completes with {model}, the default model."


def warming_up(percent: int) -> str:
    """Say how much of the window around the cursor has been computed."""
    return f"warming up, {percent} %"


def snoozed(until: str) -> str:
    """Say until when completions are snoozed."""
    return f"Completions are snoozed until {until}"


def not_loopback(host: str) -> str:
    """Say that only this machine may connect."""
    return (
        f"{host} can be reached from other machines, and whoever connects can read your files' "
        "text. Choose 127.0.0.1 or localhost, and a tunnel such as ssh for another machine."
    )


def cannot_listen(host: str, port: int, reason: str) -> str:
    """Say why a TCP port cannot be served."""
    return f"Cannot listen on {host}:{port}: {reason}. Choose another address or port."
