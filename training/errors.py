"""The one exception that training raises on purpose."""

import click


class TrainingError(click.ClickException):
    """Something is missing or wrong; the message says what was expected and what to do next."""
