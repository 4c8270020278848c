"""``python -m tests.editors.install [NAME …]``: the editors of the tests, from the registries."""
