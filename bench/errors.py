"""What a measurement refuses to go on with.

::

    BenchError
    ├── TraceError    a trace is not of the format, or does not fit its own documents
    └── PeerError     a peer is not installed, does not start or does not answer
"""


class BenchError(Exception):
    """The root of the tree."""


class TraceError(BenchError):
    """A trace is not of the format, or does not fit its own documents."""


class PeerError(BenchError):
    """A peer is not installed, does not start or does not answer."""
