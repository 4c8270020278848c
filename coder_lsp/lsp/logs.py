"""The log on standard error."""

import logging
import sys

from coder_lsp.settings import LogLevel


def start_log(level: LogLevel) -> None:
    """Send the log of this package, and what others have to say, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    set_log_level(level)


def set_log_level(level: LogLevel) -> None:
    """Log from ``level`` on.

    pygls logs whole messages when something is wrong with them, so the user's text: it is heard
    only at debug level, and even there without the bodies of all it sends.
    """
    logging.getLogger("coder_lsp").setLevel(level.upper())
    quiet = logging.WARNING if level == "debug" else logging.CRITICAL
    logging.getLogger("pygls").setLevel(quiet)
