"""How figures are written in the cells of a table."""

from collections.abc import Mapping
from typing import Any


def percent(share: float, digits: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def growth(share: float, digits: int = 2) -> str:
    """Return a relative change as a percentage, always with its sign."""
    return f"{100 * share:+.{digits}f} %"


def number(value: float, digits: int = 0) -> str:
    """Return a number with commas between thousands."""
    return f"{value:,.{digits}f}"


def scientific(value: float) -> str:
    """Return a small number as a power of ten, such as 3.1e-05."""
    return f"{value:.1e}"


def model_cell(result: Mapping[str, Any]) -> str:
    """Return a model and its precision, which may end the model's name already."""
    name, precision = result["model"], result["precision"]
    return f"{name.removesuffix(f'-{precision}')}, {precision}"
