"""The JSON file that a measurement leaves: its figures, and how they were obtained."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


def write_result(path: Path, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON with a ``measured`` object: command, commit, time, machine, load."""
    document = {**figures, "measured": _circumstances()}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def command_line(arguments: Sequence[str]) -> str:
    """Return a command of ``bench``; of a path outside the working folder only the name is kept."""
    return " ".join(("python -m bench", *map(_without_folders, arguments)))


def _without_folders(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    path = Path(value)
    is_outside = path.is_absolute() or ".." in path.parts
    return f"{option}{equals}{path.name}" if is_outside else argument


def _circumstances() -> dict[str, Any]:
    return {
        "command": command_line(sys.argv[1:]),
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{name: found for name in _RUNTIMES if (found := _version(name)) is not None},
    }


def _commit() -> str | None:
    """Return the commit measured, with a plus sign if files were changed; None outside a clone."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
