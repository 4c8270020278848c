"""Creates the backend that the settings name."""

from coder_lsp.backends.base import Backend
from coder_lsp.settings import Settings

# Importing ONNX Runtime takes a second, and the answer to `initialize` must not wait for it.
# ruff: noqa: PLC0415


def create_backend(settings: Settings) -> Backend:
    """Create the backend of ``settings``; loading a model takes a while.

    Raises ``SettingsError``, ``ModelFolderError``, ``EngineError`` or ``BackendError``.
    """
    if settings.backend == "scripted":
        from coder_lsp.backends.scripted import ScriptedBackend

        return ScriptedBackend.from_file(settings.script)
    from coder_lsp.backends.local import LocalBackend

    return LocalBackend.load(settings)
