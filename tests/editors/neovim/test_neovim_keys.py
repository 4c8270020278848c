"""What is Neovim's own: alternatives, what keys do without ghost text, commands, a dead server."""

from functools import partial

import pytest

from tests.editors.neovim.neovim_driver import NeovimDriver
from tests.editors.support.scenarios import Scenario, answers_while_typing, check_scenario

pytestmark = pytest.mark.editors

_HELLO = answers_while_typing('print("hello")', 3)
_THREE = {
    "prefix_ends_with": "pri",
    "completion": "nt(1)",
    "alternatives": ["nt(2)\nprint()", "nt(3)"],
}
_TAB_WRITES = "vim.keymap.set('i', '<Tab>', {lua}, {{ expr = {expr} }})"


def scenario(before, steps, after, answers=_HELLO, counts=None):
    return Scenario("", before, (*steps, ("save",)), after, answers, counts or {})


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        pytest.param((), "print(1)\n", id="the first is shown"),
        pytest.param(
            (("next_alternative",), ("see", "nt(2)"), ("wait_for", "(2/3)")),
            "print(2)\nprint()\n",
            id="next",
        ),
        pytest.param(
            (("previous_alternative",), ("see", "nt(3)"), ("wait_for", "(3/3)")),
            "print(3)\n",
            id="the one before the first is the last",
        ),
        pytest.param(
            (("next_alternative",), ("type_text", "n"), ("see", "t(2)")),
            "print(2)\nprint()\n",
            id="typing through an alternative keeps it",
        ),
    ],
)
def test_alternatives_on_explicit_request(project, steps, after):
    answers = (_THREE, {"prefix_ends_with": "prin", "completion": "t(2)\nprint()"})
    steps = (("trigger",), ("see", "nt(1)"), ("wait_for", "(1/3)"), *steps, ("accept",))
    played = scenario("pri‸\n", steps, after, answers, {"accepted": 1})
    check_scenario(NeovimDriver, played, project)


def test_trigger_says_when_there_is_nothing(project):
    steps = (("trigger",), ("wait_for", "no completion here"))
    check_scenario(NeovimDriver, scenario("x‸\n", steps, "x\n"), project)


def test_accepting_word_by_word_takes_all_in_the_end(project):
    answers = answers_while_typing("total = (\n    a)", 3)
    words = (("see", "al ="), ("accept_word",), ("see", " = ("), ("accept_word",), ("see", " ("))
    more = (("accept_word",), ("see", "    a)"), ("accept_word",), ("see", ")"), ("accept_word",))
    steps = (("type_text", "tot"), *words, *more, ("see_nothing",))
    counts = {"partiallyAccepted": 0, "accepted": 1, "acceptedCharacters": 13}
    played = scenario("‸\n", steps, "total = (\n    a)\n", answers, counts)
    check_scenario(NeovimDriver, played, project)


def test_completion_that_is_typed_against_counts_as_rejected(project):
    steps = (("type_text", "pri"), ("see", 'nt("hello")'), ("type_text", "x"), ("see_nothing",))
    counts = {"shown": 1, "accepted": 0, "partiallyAccepted": 0, "rejected": 1}
    check_scenario(NeovimDriver, scenario("‸\n", steps, "prix\n", counts=counts), project)


def test_completion_that_is_typed_by_hand_counts_as_shown(project):
    steps = (("type_text", "pri"), ("see", 'nt("hello")'), ("type_text", 'nt("hello")'))
    counts = {"shown": 1, "accepted": 0, "partiallyAccepted": 0, "rejected": 0}
    check_scenario(NeovimDriver, scenario("‸\n", steps, 'print("hello")\n', counts=counts), project)


def test_what_was_not_accepted_stays_without_being_asked_for(project):
    steps = (("type_text", "tot"), ("see", "al ="), ("press", "M-Right", "M-Right"))
    answers = answers_while_typing("total = 1", 3)
    check_scenario(NeovimDriver, scenario("‸\n", steps, "total =\n", answers), project)


@pytest.mark.parametrize(
    ("more", "key", "after"),
    [
        ("", "Tab", "x   \n"),
        (_TAB_WRITES.format(lua="'tab'", expr="false"), "Tab", "xtab\n"),
        (_TAB_WRITES.format(lua="function() return 'tab' end", expr="true"), "Tab", "xtab\n"),
        (
            "vim.keymap.set('i', '<Tab>', function() vim.api.nvim_feedkeys('tab', 'n', true) end)",
            "Tab",
            "xtab\n",
        ),
        ("vim.cmd.iabbrev('x', 'longer')", "C-]", "longer\n"),
    ],
)
def test_keys_do_what_they_did_before_without_ghost_text(project, more, key, after):
    steps = (("type_text", "x"), ("press", key))
    driver = partial(NeovimDriver, more=more)
    check_scenario(driver, scenario("‸\n", steps, after), project)


def test_keys_of_ones_own(project):
    more = "vim.keymap.set('i', '<C-l>', '<Plug>(coder-lsp-accept)')"
    driver = partial(NeovimDriver, options={"keys": False}, more=more)
    steps = (("type_text", "pri"), ("see", 'nt("hello")'), ("press", "C-l"))
    check_scenario(driver, scenario("‸\n", steps, 'print("hello")\n'), project)


def test_what_was_typed_against_is_never_replaced(project):
    steps = (("type_text", "pri"), ("see", 'nt("hello")'), ("press", "x", "Tab"))
    check_scenario(NeovimDriver, scenario("‸\n", steps, "prix    \n"), project)


def test_undo_takes_back_what_was_accepted_and_then_what_was_typed(project):
    steps = (
        ("type_text", "pri"),
        ("see", 'nt("hello")'),
        ("accept",),
        ("type_text", ";"),
        ("undo",),
        ("wait_for", 'print("hello")'),
        ("undo",),
    )
    check_scenario(NeovimDriver, scenario("‸\n", steps, "pri\n"), project)


def test_toggle_takes_ghost_text_away_and_back(project):
    steps = (
        ("type_text", "pri"),
        ("see", 'nt("hello")'),
        ("command", "CoderLsp toggle"),
        ("wait_for", "coder-lsp: off", "completions are off"),
        ("press", "a"),
        ("type_text", "n"),
        ("see_nothing",),
        ("command", "CoderLsp toggle on"),
        ("wait_for", "coder-lsp: ready"),
        ("press", "a"),
        ("see", 't("hello")'),
        ("accept",),
    )
    check_scenario(NeovimDriver, scenario("‸\n", steps, 'print("hello")\n'), project)


def test_off_stays_off_when_the_server_is_started_again(project):
    steps = (
        ("command", "CoderLsp toggle off"),
        ("wait_for", "coder-lsp: off"),
        ("kill_server",),
        ("see_server_end",),
        ("command", "CoderLsp restart"),
        ("wait_for", "coder-lsp: off"),
    )
    check_scenario(NeovimDriver, scenario("‸\n", steps, "\n"), project)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("snooze 5", ("coder-lsp: snoozed", "no completions for 5 min.")),
        ("snooze soon", ("takes a number of minutes",)),
        ("toggle maybe", ("takes on, off or nothing",)),
        ("dance", ("there is no :CoderLsp dance; there are health, log",)),
        ("status", ("coder-lsp: ready.",)),
        ("stats", ("acceptedCharacters", "byLanguage")),
        ("reload", ("coder-lsp: ready",)),
        ("log", ("lsp.log",)),
        ("health", ("has inline completion", "The options are understood", "The server runs")),
    ],
)
def test_command(project, command, told):
    steps = (("command", f"CoderLsp {command}"), ("wait_for", *told), ("press", "Enter"))
    played = Scenario("", "‸\n", steps, "\n")
    check_scenario(NeovimDriver, played, project)


def test_missing_program_is_told(project):
    driver = partial(NeovimDriver, options={"cmd": ["coder-lsp-missing", "serve"]}, status="")
    told = ("wait_for", "coder-lsp-missing is not on PATH")
    steps = (("command", "messages"), told, ("command", "CoderLsp health"), told)
    check_scenario(
        driver, Scenario("", "‸\n", (*steps, ("wait_for", "pip install")), "\n"), project
    )


def test_typing_on_after_the_server_died_loses_nothing(project):
    typed = "bug = dark_fluke + good"
    steps = (("type_text", "x"), ("kill_server",), ("type_text", typed), ("see_server_end",))
    check_scenario(NeovimDriver, scenario("‸\n", steps, f"x{typed}\n"), project)
