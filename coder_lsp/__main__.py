"""``python -m coder_lsp``."""

from coder_lsp.cli import main

main()
