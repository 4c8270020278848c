"""What a client sends as settings, and what each setting accepts."""

import dataclasses

import pytest

from coder_lsp.settings import SETTINGS, Settings, apply_options, needs_reload

NUMBERS = [setting for setting in SETTINGS.values() if setting.kind is int]


def check_refused(options, *words):
    settings, problems = apply_options(Settings(), options)

    assert settings == Settings()
    for word in words:
        assert any(word in problem.message for problem in problems), problems


def names(values):
    return pytest.mark.parametrize("setting", values, ids=[setting.key for setting in values])


@names(list(SETTINGS.values()))
def test_the_default_of_each_setting_is_accepted(setting):
    settings, problems = apply_options(Settings(), {setting.key: setting.default})

    assert (settings, problems) == (Settings(), ())


@names(NUMBERS)
def test_every_number_has_a_minimum_and_a_maximum(setting):
    minimum, maximum = setting.about.numbers

    assert 0 < minimum < maximum
    assert setting.problem(minimum) is setting.problem(maximum) is None
    for value in (-1, minimum - 1 if minimum > 1 else -2, maximum + 1, 10**10, 10**400):
        check_refused({setting.key: value}, setting.key, str(minimum), str(maximum))


@names(list(SETTINGS.values()))
@pytest.mark.parametrize("value", [None, [], {}, 1.5, "many", True, 3, "1", float("nan")])
def test_a_value_of_another_type_is_refused_by_name(setting, value):
    fits = type(value) is setting.kind and not setting.choices
    if not fits:
        check_refused({setting.key: value}, setting.key, "ignored")


def test_only_threads_may_be_chosen_by_the_machine():
    assert SETTINGS["threads"].problem(0) is None
    check_refused({"maxNewTokens": 0}, "maxNewTokens")


def test_a_long_wrong_value_is_not_repeated_in_full():
    _, (problem,) = apply_options(Settings(), {"threads": "x" * 100_000})

    assert len(problem.message) < 200


@pytest.mark.parametrize("options", [[], "on", 7, True])
def test_options_that_are_no_object_are_refused(options):
    check_refused(options, "object", type(options).__name__)


def test_an_unknown_key_is_reported_with_the_nearest_known_one():
    check_refused({"maxNewToken": 3}, "Did you mean coder-lsp.maxNewTokens?")


def test_a_wrong_value_changes_nothing_else():
    settings, problems = apply_options(Settings(), {"threads": "many", "multiline": "never"})

    assert settings == Settings(multiline="never")
    assert [problem.key for problem in problems] == ["threads"]


@names(list(SETTINGS.values()))
def test_a_change_of_what_the_backend_is_made_of_reloads_the_model(setting):
    other = {bool: not setting.default, int: setting.about.numbers[1], str: "other"}[setting.kind]
    changed = dataclasses.replace(Settings(), **{setting.field_name: other})

    assert needs_reload(Settings(), changed) is setting.about.reloads_model


def test_whatever_the_local_backend_is_loaded_with_reloads_the_model():
    read = {
        "model", "threads", "cacheMegabytes", "providers", "contextTokens", "diskCache",
        "diskCacheMegabytes", "timeBudgetMs", "backend", "script", "maxNewTokens",
    }  # fmt: skip

    assert {s.key for s in SETTINGS.values() if s.about.reloads_model} == read


def test_a_workspace_may_change_only_what_harms_nobody():
    of_a_window = {key for key, setting in SETTINGS.items() if setting.about.scope == "window"}

    assert of_a_window == {"enabled", "multiline", "plainCompletion"}
