"""What a failed connection means to a user: the network, a proxy, an address, or the disk."""

import os
from urllib.parse import urlsplit, urlunsplit

from coder_lsp.errors import InstallError

_PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_HTTP_LIBRARIES = {"httpx", "httpx2", "httpcore", "requests"}
"""Those that the hub's library has had underneath."""


class ConnectionBroken(InstallError):
    """The hub stopped sending; what has come is kept, and the next attempt continues there."""


def network_error(endpoint: str, exc: Exception) -> InstallError | None:
    """Return what an exception means; None if it says nothing about a connection."""
    is_of_library = type(exc).__module__.partition(".")[0] in _HTTP_LIBRARIES
    has_no_address = is_of_library and type(exc).__name__ in {"InvalidURL", "UnsupportedProtocol"}
    # The HTTP library raises the first two before it opens a connection, mostly because of a proxy.
    if has_no_address or isinstance(exc, ValueError | ImportError):
        proxy = _named_proxy()
        if proxy is not None:
            return _unusable_proxy(*proxy, exc)
        return InstallError(f"{endpoint} cannot be asked: {exc}. Check HF_ENDPOINT.")
    if isinstance(exc, OSError) and not isinstance(exc, ConnectionError) and exc.errno is not None:
        return InstallError(
            f"The download cannot be written: {exc}. Free some space, or change the permissions."
        )
    return _no_network(endpoint, exc) if is_of_library or isinstance(exc, OSError) else None


def _named_proxy() -> tuple[str, str] | None:
    """Return an environment variable that names a proxy, and its value; an odd one first."""
    variables = [v for name in _PROXY_VARIABLES for v in (name, name.lower()) if os.environ.get(v)]
    named = [(variable, os.environ[variable]) for variable in variables]
    return min(named, key=lambda proxy: proxy[1].startswith(("http://", "https://")), default=None)


def _unusable_proxy(variable: str, value: str, exc: Exception) -> InstallError:
    reason = str(exc).partition("\n")[0].rstrip(".")
    return InstallError(
        f"The proxy of the environment variable {variable}, {_without_password(value)}, cannot be "
        f"used ({reason}). Set it to http://HOST:PORT or to socks5://HOST:PORT, which needs "
        "'pip install socksio', or unset it."
    )


def _without_password(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
    except ValueError:
        return "which is no address"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _no_network(endpoint: str, exc: Exception) -> ConnectionBroken:
    return ConnectionBroken(
        f"No connection to {endpoint} ({type(exc).__name__}: {exc}). Check the network, a proxy "
        "and HF_ENDPOINT, then run the same command again: it continues where it stopped. A model "
        "that was downloaded elsewhere can be installed from its folder or GGUF file."
    )
