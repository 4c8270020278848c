"""Teaches ``optimum-cli export onnx`` the model type ``deepseek_v2``.

optimum-cli imports whatever lies in this namespace before it reads its arguments; that must be
quick, so the registration waits until the command runs.
"""

from optimum.commands.export.onnx import ONNXExportCommand

REGISTER_COMMANDS: list[object] = []

_run = ONNXExportCommand.run


def _register_and_run(command: ONNXExportCommand) -> None:
    from onnx_export.optimum_config import register  # noqa: PLC0415 (it brings torch along)

    register()
    _run(command)


ONNXExportCommand.run = _register_and_run
