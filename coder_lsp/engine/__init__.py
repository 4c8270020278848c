"""Runs the exported model: the only package that imports ONNX Runtime."""
