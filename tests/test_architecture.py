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
MAX_LINES = 300


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short_and_say_what_they_are_for(path):
    source = path.read_text(encoding="utf-8")

    assert len(source.splitlines()) <= MAX_LINES
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


def test_one_class_holds_the_work_in_flight():
    """Another table of running work would be a second owner; ask the scheduler's table instead."""
    holders = set()
    for path in (ROOT / "coder_lsp").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                holders.update(node.name for text in fields_of(node) if RUNNING.search(text))

    assert holders == {"Work", "WorkTable"}


# What runs, in a container or as a task that outlives the call: one piece of work may know those
# that wait for it, and the table knows all.
RUNNING = re.compile(
    r"(list|dict|set|deque)\[.*\b(Work|Generation|Alternatives|CancellationToken)\b"
)


def fields_of(node):
    """Return the annotations of a class's fields and of what its methods keep in ``self``."""
    for child in ast.walk(node):
        if isinstance(child, ast.AnnAssign):
            yield ast.unparse(child.annotation)


def test_no_module_of_the_server_has_state_of_its_own():
    """Containers at the top of a module are constants: tuples, frozen sets, or read-only tables."""
    found = []
    for path in (ROOT / "coder_lsp").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            target.id
            for node in tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                found.append(f"{name_of(path)}: global {', '.join(node.names)}")
            changed = changed_name(node)
            if changed in names:
                found.append(f"{name_of(path)}: {changed} is changed")

    assert found == []


CHANGING = {"append", "add", "update", "pop", "clear", "extend", "setdefault", "remove", "insert"}


def changed_name(node):
    """Return the name that a statement changes in place, if it is a plain name."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if node.func.attr in CHANGING and isinstance(owner, ast.Name):
            return owner.id
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Delete)):
        targets = node.targets if not isinstance(node, ast.AugAssign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                return target.value.id
    return None
