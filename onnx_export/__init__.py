"""From a Hugging Face folder to a model folder: the exporter, a stranger to coder_lsp."""
