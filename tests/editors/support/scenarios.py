"""What must work in every editor, as data. ``check_scenario`` plays it with an editor's driver.

A step is the name of a driver's method and its arguments; ``kill_server`` is the project's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.editors.support import guide
from tests.editors.support.driver import EditorDriver
from tests.editors.support.project import Project
from tests.support.cursor import parse_cursor

Step = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A file with the cursor in it, what is typed and seen, and the file on disk afterwards.

    ``answers`` is the script. ``counts`` is what ``coder-lsp stats`` must say at the end.
    """

    name: str
    before: str
    steps: tuple[Step, ...]
    after: str
    answers: tuple[dict[str, Any], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    is_smoke: bool = False


def answers_while_typing(line: str, num_typed: int, rest: str = "") -> tuple[dict[str, Any], ...]:
    """Return answers that complete ``line`` + ``rest`` from ``num_typed`` characters of it on."""
    return tuple(
        {"prefix_ends_with": line[:end], "completion": line[end:] + rest}
        for end in range(len(line) - 1, num_typed - 1, -1)
    )


_HELLO = 'print("hello")'
_SAVE = ("save",)

SCENARIOS = (
    Scenario(
        "accept",
        before="‸\n",
        answers=answers_while_typing(_HELLO, 3),
        steps=(("type_text", "pri"), ("see", 'nt("hello")'), ("accept",), _SAVE),
        after='print("hello")\n',
        counts={"accepted": 1, "acceptedCharacters": 11},
        is_smoke=True,
    ),
    Scenario(
        "type through",
        before="‸\n",
        answers=answers_while_typing(_HELLO, 3),
        steps=(
            ("type_text", "pri"),
            ("see", 'nt("hello")'),
            ("type_text", "n"),
            ("see", 't("hello")'),
            ("accept",),
            _SAVE,
        ),
        after='print("hello")\n',
        counts={"accepted": 1},
    ),
    Scenario(
        "mismatch",
        before="‸\n",
        answers=(*answers_while_typing(_HELLO, 3), *answers_while_typing("private = 1", 4)),
        steps=(
            ("type_text", "pri"),
            ("see", 'nt("hello")'),
            ("type_text", "v"),
            ("see", "ate = 1"),
            ("accept",),
            _SAVE,
        ),
        after="private = 1\n",
        counts={"accepted": 1, "rejected": 1},
    ),
    Scenario(
        "dismiss",
        before="‸\n",
        answers=answers_while_typing(_HELLO, 3),
        steps=(
            ("type_text", "pri"),
            ("see", 'nt("hello")'),
            ("dismiss",),
            ("see_nothing",),
            ("type_text", "x"),
            _SAVE,
        ),
        after="prix\n",
        counts={"accepted": 0, "rejected": 1},
    ),
    Scenario(
        "edit far away",
        before="first = 1\n" + "line = 0\n" * 300 + "‸\n\n",
        answers=(
            *answers_while_typing(_HELLO, 3),
            *answers_while_typing("second = 2", 3),
        ),
        steps=(
            ("type_text", "pri"),
            ("see", 'nt("hello")'),
            ("accept",),
            ("place_cursor", 0, 9),
            ("type_text", "0"),
            ("place_cursor", 302, 0),
            ("type_text", "sec"),
            ("see", "ond = 2"),
            ("accept",),
            _SAVE,
        ),
        after="first = 10\n" + "line = 0\n" * 300 + 'print("hello")\nsecond = 2\n',
        counts={"accepted": 2},
    ),
    Scenario(
        "several lines before a closing tail",
        before="total = add(‸)\nprint(total)\n",
        answers=answers_while_typing("total = add(first,", 15, "\n            second"),
        steps=(("type_text", "fir"), ("see", "st,"), ("accept",), _SAVE),
        after="total = add(first,\n            second)\nprint(total)\n",
        counts={"accepted": 1},
    ),
    Scenario(
        "CRLF",
        before="def f():\r\n    ‸\r\n\r\nf()\r\n",
        answers=answers_while_typing("    first = 1", 7, "\n    return first"),
        steps=(("type_text", "fir"), ("see", "st = 1"), ("accept",), _SAVE),
        after="def f():\r\n    first = 1\r\n    return first\r\n\r\nf()\r\n",
        counts={"accepted": 1},
    ),
    Scenario(
        "emoji and tabs before the cursor",
        before='if True:\n\tface, é = "😀👩‍💻", ‸\n',
        answers=answers_while_typing('"😀👩‍💻", value', 11),
        steps=(("type_text", "val"), ("see", "ue"), ("accept",), _SAVE),
        after='if True:\n\tface, é = "😀👩‍💻", value\n',
        counts={"accepted": 1},
    ),
    Scenario(
        "undo",
        before="‸\n",
        answers=answers_while_typing("first = 1", 3, "\nsecond = 2"),
        steps=(("type_text", "fir"), ("see", "st = 1"), ("accept",), ("undo",), _SAVE),
        after="fir\n",
        counts={"accepted": 1},
    ),
    Scenario(
        "accept a word",
        before="‸\n",
        answers=answers_while_typing("result = first + second", 3),
        steps=(("type_text", "res"), ("see", "ult = first"), ("accept_word",), _SAVE),
        after="result\n",
        counts={"accepted": 0, "partiallyAccepted": 1},
    ),
    Scenario(
        "accept a line",
        before="‸\n",
        answers=answers_while_typing("first = 1", 3, "\nsecond = 2"),
        steps=(("type_text", "fir"), ("see", "st = 1"), ("accept_line",), _SAVE),
        after="first = 1\n",
        counts={"accepted": 0, "partiallyAccepted": 1},
    ),
    Scenario(
        "trigger",
        before="pri‸\n",
        answers=answers_while_typing(_HELLO, 3),
        steps=(("trigger",), ("see", 'nt("hello")'), ("accept",), _SAVE),
        after='print("hello")\n',
        counts={"accepted": 1},
    ),
    Scenario(
        "alternatives",
        before="pri‸\n",
        answers=(
            {"prefix_ends_with": "pri", "completion": "nt(1)", "alternatives": ["nt(2)", "nt(3)"]},
        ),
        steps=(
            ("trigger",),
            ("see", "nt(1)"),
            ("next_alternative",),
            ("see", "nt(2)"),
            ("previous_alternative",),
            ("see", "nt(1)"),
            ("previous_alternative",),
            ("see", "nt(3)"),
            ("accept",),
            _SAVE,
        ),
        after="print(3)\n",
        counts={"accepted": 1},
    ),
    Scenario(
        "killed server",
        before="‸\n",
        answers=answers_while_typing(_HELLO, 3),
        steps=(
            ("type_text", "pr"),
            ("kill_server",),
            ("see_server_end",),
            ("restart_server",),
            ("type_text", "i"),
            ("see", 'nt("hello")'),
            ("accept",),
            _SAVE,
        ),
        after='print("hello")\n',
    ),
)


def scenarios_for(driver: type[EditorDriver]) -> list[Any]:
    """Return the scenarios as pytest's parameters; those the editor cannot do are skipped."""
    return [_parameter(scenario, driver) for scenario in SCENARIOS]


def check_scenario(driver: type[EditorDriver], scenario: Scenario, project: Project) -> None:
    """Play a scenario in a real editor, and compare the file on disk and the counters."""
    text, offset = parse_cursor(scenario.before)
    path = project.write("example.py", text)
    project.write_script(list(scenario.answers))
    editor = driver(project, path, project.scripted)
    try:
        editor.place_cursor(*_line_and_column(text[:offset]))
        for verb, *arguments in scenario.steps:
            method = project.kill_server if verb == "kill_server" else getattr(editor, verb)
            method(*arguments)
        project.wait_for_file("example.py", scenario.after)
        if scenario.counts:
            project.wait_for_usage(scenario.counts)
            assert "unknown" not in project.usage()["byEditor"]
    finally:
        editor.close()
        project.end_programs()


def check_guide(driver: type[EditorDriver], section: str, project: Project) -> None:
    """Do what a section of the guide says, and have the embedded model complete."""
    guide.follow(section, project.clone, project.environment)
    path = project.write("example.py", "")
    editor = driver(project, path, None)
    try:
        editor.place_cursor(0, 0)
        editor.type_text("for i in ran")
        editor.see_something()
    finally:
        editor.close()
        project.end_programs()


def check_embedded_model(driver: type[EditorDriver], project: Project) -> None:
    """Accept what the embedded model says, whatever it is; it has something to go by."""
    above = "for line in range(10):\n    print(line)\n\n"
    path = project.write("example.py", f"{above}\n\n")
    editor = driver(project, path, {"timeBudgetMs": 60_000})
    try:
        editor.place_cursor(above.count("\n"), 0)
        editor.type_text("for i in ran")
        editor.see_something()
        editor.accept()
        editor.save()
        project.wait_for_usage({"accepted": 1})
        written = project.read("example.py").removeprefix(above)
        assert written.startswith("for i in ran")
        assert len(written.rstrip()) > len("for i in ran")
    finally:
        editor.close()
        project.end_programs()


def _parameter(scenario: Scenario, driver: type[EditorDriver]) -> Any:
    verbs = {step[0] for step in scenario.steps}
    reasons = [driver.unsupported[verb] for verb in verbs if verb in driver.unsupported]
    marks = [pytest.mark.skip(reason=reasons[0])] if reasons else []
    if scenario.is_smoke:
        marks.append(pytest.mark.smoke)
    return pytest.param(scenario, id=scenario.name, marks=marks)


def _line_and_column(before_cursor: str) -> tuple[int, int]:
    lines = before_cursor.replace("\r\n", "\n").split("\n")
    return len(lines) - 1, len(lines[-1])
