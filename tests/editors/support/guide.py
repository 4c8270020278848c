"""What ``editors/README.md`` tells the user to do, done as it stands."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

CLONE = Path(__file__).parents[3]
FIRST_SECTION = "First, the server"

_SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n)*)", re.MULTILINE)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_of(section: str) -> list[str]:
    """Return the blocks of shell commands of a section of the guide, in their order."""
    page = (CLONE / "editors" / "README.md").read_text(encoding="utf-8")
    sections = {match[1]: match[2] for match in _SECTION.finditer(page)}
    return _COMMANDS.findall(sections[section])


def copy_clone(folder: Path) -> Path:
    """Copy what a clone of this working tree would hold, and return the copy."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=CLONE, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        source, target = CLONE / name, folder / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def follow(section: str, clone: Path, environment: Mapping[str, str]) -> None:
    """Run a section's commands in the root of a clone."""
    for block in commands_of(section):
        result = subprocess.run(
            ["sh", "-eux", "-c", block],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{section}:\n{result.stdout}"
