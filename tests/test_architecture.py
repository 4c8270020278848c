"""What import-linter and ruff do not look at."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from coder_lsp.settings import SETTINGS

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path
    for package in ("coder_lsp", "onnx_export", "bench", "training")
    for path in (ROOT / package).rglob("*.py")
)
MOST_LINES = 400


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short_and_say_what_they_are_for(path):
    source = path.read_text(encoding="utf-8")

    assert len(source.splitlines()) <= MOST_LINES
    assert ast.get_docstring(ast.parse(source))


def test_the_readme_lists_the_settings_as_they_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    before, after = "tests/test_architecture.py -->\n\n", "\n<!-- end of settings -->"
    found = readme.partition(before)[2].partition(after)[0]

    assert found == settings_table()


def settings_table():
    """Return the table of all settings in Markdown; paste it into the README when it differs."""
    rows = ["| setting | values | default | meaning |", "|---|---|---|---|"]
    for setting in SETTINGS.values():
        default = show(setting.default)
        rows.append(f"| `{setting.key}` | {values_of(setting)} | {default} | {setting.about.doc} |")
    return "\n".join(rows) + "\n"


def values_of(setting):
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    if setting.kind is int:
        numbers = "{} to {}".format(*setting.about.numbers)
        return f"`0`, or {numbers}" if setting.about.is_automatic else numbers
    return {bool: "`true`, `false`", str: "text"}[setting.kind]


def show(default):
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default != "" else "empty"


def test_each_extra_that_the_readme_names_exists():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    for extra in ("cpu", "cuda", "export"):
        assert f"coder-lsp[{extra}]" in readme
        assert f"\n{extra} = [" in project


def test_the_table_of_floors_names_every_module_that_the_contracts_do():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors = next(c for c in project["tool"]["importlinter"]["contracts"] if c["id"] == "floors")
    held = set(re.findall(r"coder_lsp\.(\w+)", " ".join(floors["layers"])))
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = page.partition("| floor |")[2].partition("\n\n")[0]
    present = {path.stem for path in (ROOT / "coder_lsp").iterdir() if is_module(path)}

    assert set(re.findall(r"`(\w+)`", table)) == held == present


def is_module(path):
    """Whether the floors speak of it: the package's own top and its data do not count."""
    if path.is_dir():
        return (path / "__init__.py").exists() and path.name != "examples"
    return path.suffix == ".py" and not path.stem.startswith("__")
