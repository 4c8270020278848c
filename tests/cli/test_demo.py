import json
import os
import re
import subprocess
import sys

import pytest

from coder_lsp.cli.demo_display import Keystroke, draw_code
from coder_lsp.cli.demo_scenes import SCENES, open_scene
from tests.support.snapshots import snapshot_of

FIGURES = re.compile(
    r'typed: ".*" \(first token after \d+ ms, answered in \d+ ms, '
    r"(?P<cached>\d+) cached \+ (?P<new>\d+) new tokens, \d+ generated.*\)"
)


def run_demo(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "coder_lsp", "demo", *map(str, arguments)],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def ghosts_of(output):
    lines = output.splitlines()
    return [json.loads(line.removeprefix("ghost: ")) for line in lines if line.startswith("ghost:")]


def test_each_scene_takes_its_line_out_of_a_file_that_is_there():
    languages = set()
    for scene in SCENES:
        document = open_scene(scene)
        languages.add(document.language_id)

        assert document.line_prefix.strip() == document.line_suffix.strip() == ""
        assert scene.num_keystrokes < len(scene.line)

    assert languages == {"python", "typescript", "go"}


def test_without_a_terminal_plain_lines_show_every_completion(script):
    result = run_demo("--script", script(" — “shown” 👍"))

    assert (result.stderr, result.returncode) == ("", 0)
    num_keystrokes = sum(scene.num_keystrokes for scene in SCENES)
    assert ghosts_of(result.stdout) == [" — “shown” 👍"] * num_keystrokes
    assert f"{num_keystrokes} completions shown for {num_keystrokes}" in result.stdout


def test_nothing_shown_is_a_failure(script):
    result = run_demo("--script", script(""))

    assert (ghosts_of(result.stdout), result.returncode) == ([], 1)


def test_the_embedded_model_is_shown_with_figures_for_each_keystroke():
    result = run_demo()
    typed = [line for line in result.stdout.splitlines() if line.startswith("typed:")]
    figures = [FIGURES.fullmatch(line) for line in typed]

    assert (result.stderr, result.returncode) == ("", 0)
    assert ghosts_of(result.stdout)
    assert all(figures)
    assert len(figures) == sum(scene.num_keystrokes for scene in SCENES)
    assert sum(int(match["new"]) <= 2 for match in figures) > len(figures) * 0.8


def test_with_the_completion_cache_typing_through_a_completion_costs_nothing(tmp_path):
    line = SCENES[0].line
    path = tmp_path / "script.json"
    answers = [{"prefix_ends_with": f"  {line[0]}", "completion": line[1:]}]
    path.write_text(json.dumps({"answers": answers}), encoding="utf-8")
    result = run_demo("--completion-cache", "--seconds", "0", "--script", path)

    assert ghosts_of(result.stdout) == [line[i:] for i in range(1, SCENES[0].num_keystrokes + 1)]
    assert result.stdout.count("from the last completion") == SCENES[0].num_keystrokes - 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "gone"], "no installed model 'gone'"),
        (["--script", "gone.json"], "The script gone.json cannot be read"),
        (["--backend", "scripted"], "set coder-lsp.script to its path"),
    ],
)
def test_a_server_without_a_model_says_why(arguments, message):
    result = run_demo(*arguments)

    assert (result.stdout, result.returncode) == ("", 1)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_the_ghost_text_is_drawn_at_the_cursor():
    text = "\n".join(f"line {i}" for i in range(40)) + "\n\tif x:‸\n\n\n\nend\n"
    keystroke = Keystroke(snapshot_of(text, language_id="go"), "a.go", " y\n\tz", "")
    drawn = draw_code(keystroke)

    assert "\n    if x:▏ y\n    z\n\n\n\nend\n" in drawn.plain
    assert "line 30" not in drawn.plain
    assert [span.style for span in drawn.spans if "y" in drawn.plain[span.start : span.end]][
        -1:
    ] == ["dim italic"]
