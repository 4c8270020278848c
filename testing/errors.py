"""What is raised when a program cannot be installed for a test or a measurement."""


class InstallationError(Exception):
    """A program cannot be had here. The message says why, and what to do instead."""
