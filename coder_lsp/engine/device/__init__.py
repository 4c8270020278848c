"""The machine, and ONNX Runtime on it."""
