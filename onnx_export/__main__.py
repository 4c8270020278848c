"""``python -m onnx_export``."""

from onnx_export.cli import main

main()
