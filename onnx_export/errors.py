"""All exceptions that the exporter raises.

::

    ExportError
    ├── ConfigError          config.json or an option asks for something that is not supported
    ├── CheckpointError      a tensor is missing, cut off or of another shape
    ├── TokenizerError       tokenizer.json is missing or lacks a token that the manifest needs
    │   └── FimMissing       the model has no fill-in-the-middle tokens
    ├── OutputError          the model folder cannot be written
    │   └── RoomError        too little disk space or memory is left for it
    ├── ReferenceMissing     torch or transformers is not installed
    └── VerificationError    the finished export does not compute what transformers does

A message says what was expected, what was found and what to do next.
"""


class ExportError(Exception):
    """The root of the tree."""


class ConfigError(ExportError):
    """``config.json`` or an option asks for something that is not supported."""


class CheckpointError(ExportError):
    """A tensor is missing, cut off or of another shape."""


class TokenizerError(ExportError):
    """``tokenizer.json`` is missing or lacks a token that the manifest needs."""


class FimMissing(TokenizerError):
    """The tokenizer has no fill-in-the-middle tokens that are known here."""


class OutputError(ExportError):
    """The model folder cannot be written."""


class RoomError(OutputError):
    """Too little disk space or memory is left for the model folder."""


class ReferenceMissing(ExportError):
    """Torch or transformers is not installed."""


class VerificationError(ExportError):
    """The finished export does not compute what transformers does."""
