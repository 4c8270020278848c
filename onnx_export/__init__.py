"""The exporter: makes a model folder of a Hugging Face folder or a GGUF file."""
