"""Installs peers from package registries into the user's cache folder."""
