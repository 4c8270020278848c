"""The plug-in's Lua: its form, what a linter finds in it, its help file, and its pure functions."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.editors.install import programs
from tests.editors.install.node import install as installed_node
from tests.editors.neovim.neovim_driver import PLUGIN

pytestmark = pytest.mark.editors

SOURCES = sorted(PLUGIN.rglob("*.lua"))


def test_files_are_as_stylua_writes_them():
    settings = tomllib.loads((PLUGIN / "stylua.toml").read_text(encoding="utf-8"))
    script = Path(__file__).with_name("format.cjs")
    module = programs.installed("stylua")
    differing = run(installed_node(), script, module, json.dumps(settings), "check", *SOURCES)

    assert differing == ""


def test_luacheck_finds_nothing():
    config = PLUGIN / ".luacheckrc"
    options = ["--config", config, "--no-cache", "--no-color", "--formatter", "plain"]

    assert run(programs.installed("luacheck"), *options, *SOURCES) == ""


def test_help_has_tags_for_everything_a_user_may_call(tmp_path):
    shutil.copytree(PLUGIN / "doc", tmp_path / "doc")
    run_neovim(tmp_path, f"vim.cmd.helptags({json.dumps(str(tmp_path / 'doc'))})")
    tags = (tmp_path / "doc" / "tags").read_text(encoding="utf-8").splitlines()
    names = {tag.split("\t")[0] for tag in tags}

    public = run_neovim(
        tmp_path,
        "for name, value in vim.spairs(require('coder_lsp')) do"
        " if name:sub(1, 1) ~= '_' then print('coder_lsp.' .. name .. '()') end end",
    )
    assert set(public.split()) - names == set()


@pytest.mark.parametrize(
    ("function", "text", "piece"),
    [
        ("word", "foo(bar)", "foo"),
        ("word", "(bar)", "("),
        ("word", "  = a", "  ="),
        ("word", "\n    return x", "\n    return"),
        ("word", "größe + 1", "größe"),
        ("word", "\n", "\n"),
        ("word", "", ""),
        ("line", "a = 1\nb = 2", "a = 1"),
        ("line", "\n    a = 1\nb", "\n    a = 1"),
        ("line", "\n\n  x", "\n\n  x"),
        ("line", "", ""),
        ("all", "a\nb", "a\nb"),
    ],
)
def test_piece_of_a_completion(tmp_path, function, text, piece):
    call = f"require('coder_lsp.pieces').{function}(vim.json.decode([==[{json.dumps(text)}]==]))"
    printed = run_neovim(tmp_path, f"print(vim.json.encode({call}))")

    assert json.loads(printed) == piece


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"keys": False}, []),
        ({"keys": {"accept": False}}, []),
        ({"key": {}}, ["there is no option key; there are"]),
        ({"keys": {"acept": "<Tab>"}}, ["there is no option keys.acept; there are"]),
        ({"inline": "yes"}, ['inline should be a boolean, not "yes".']),
        ("yes", ["the options should be a table, not string."]),
    ],
)
def test_options_are_checked(tmp_path, options, problems):
    call = f"require('coder_lsp.options').problems(vim.json.decode([==[{json.dumps(options)}]==]))"
    found = json.loads(run_neovim(tmp_path, f"print(vim.json.encode({call}))"))

    assert len(found) == len(problems)
    assert all(map(str.startswith, found, problems))


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("CoderLsp s", ["snooze", "stats", "status"]),
        ("CoderLsp toggle ", ["on", "off"]),
        ("CoderLsp toggle of", ["off"]),
        ("CoderLsp stats ", []),
        ("CoderLsp dance ", []),
    ],
)
def test_commands_are_completed(tmp_path, typed, completed):
    found = f"vim.json.encode(vim.fn.getcompletion({typed!r}, 'cmdline'))"
    printed = run_neovim(tmp_path, f"vim.cmd.runtime('plugin/coder_lsp.lua') print({found})")

    assert json.loads(printed) == completed


def run_neovim(folder, lua):
    """Run Lua in a Neovim with the plug-in and nothing else, and return what it prints."""
    script = folder / "script.lua"
    prepared = f"vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})\n{lua}\n"
    script.write_text(prepared, encoding="utf-8")
    return run(programs.installed("neovim"), "--clean", "-l", script)


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    return output
