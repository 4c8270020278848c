"""Every exception that coder-lsp raises on purpose.

::

    CoderError
    ├── FormatError            JSON from outside is malformed, or not what it should be
    ├── SettingsError          a setting has a value that cannot be used
    ├── DocumentError          a document is unknown, not text, or a position is not in it
    ├── ModelFolderError       a model folder is missing, damaged or of another version
    ├── EngineError            the model cannot be run
    │   ├── RuntimeMissing     ONNX Runtime is not installed
    │   └── OutOfMemory        memory, the GPU's or the machine's, does not suffice
    ├── BackendError           a backend could not answer
    ├── InstallError           a model could not be fetched or exported
    └── Cancelled              the work was cancelled; nothing is wrong

A message says what was expected, what was found and what to do next.
"""


class CoderError(Exception):
    """The root of the tree.

    Errors that differ only in details such as numbers have one ``kind``, and the user sees one of
    them. It is the message unless another is given.
    """

    def __init__(self, message: str = "", *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind or message


class FormatError(CoderError):
    """JSON from outside is malformed, or not what it should be."""


class SettingsError(CoderError):
    """A setting has a value that cannot be used."""


class DocumentError(CoderError):
    """A document is unknown, is not text, or a position is not in it."""


class ModelFolderError(CoderError):
    """A model folder is missing, damaged or of a version that this program does not read."""


class EngineError(CoderError):
    """The model cannot be run."""


class RuntimeMissing(EngineError):
    """ONNX Runtime is not installed."""


class OutOfMemory(EngineError):
    """Memory, the GPU's or the machine's, does not suffice."""


class BackendError(CoderError):
    """A backend could not answer."""


class InstallError(CoderError):
    """A model could not be fetched or exported."""


class Cancelled(CoderError):
    """The work was cancelled; nothing is wrong."""
