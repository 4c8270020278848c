"""Small source files in several languages, for ``coder-lsp demo`` to type into."""
