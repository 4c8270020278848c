"""Options as a client sends them, and the Settings that are made of them.

A wrong value costs that field only, an unknown key is named with the nearest known one, and both
become ``problems`` to be told once; nothing a client sends can stop the server.
"""

import dataclasses
import difflib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SECTION = "coder-lsp"

BackendName = Literal["local", "scripted"]
PlainCompletion = Literal["auto", "always", "never"]
Multiline = Literal["auto", "never", "always"]
Providers = Literal["auto", "cuda", "tensorrt", "cpu"]
LogLevel = Literal["error", "warning", "info", "debug"]


def _note(doc: str, least: int = 0) -> dict[str, Any]:
    return {"doc": doc, "least": least}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user wants. The client's names are the same in camel case, under ``coder-lsp``."""

    enabled: bool = field(
        default=True, metadata=_note("Whether to complete at all; can be toggled by command.")
    )
    model: str = field(
        default="",
        metadata=_note("Installed model's name or model folder; empty for the embedded one."),
    )
    backend: BackendName = field(
        default="local", metadata=_note("Who completes: the model inside, or a script.")
    )
    script: str = field(
        default="", metadata=_note("Path of the JSON file from which the scripted backend answers.")
    )
    providers: Providers = field(
        default="auto",
        metadata=_note("Where the model runs; auto: on the GPU if model and machine can."),
    )
    plain_completion: PlainCompletion = field(
        default="auto",
        metadata=_note(
            "When to answer textDocument/completion; auto: until the client completes inline."
        ),
    )
    max_new_tokens: int = field(
        default=64, metadata=_note("Most tokens to generate for one completion.", least=1)
    )
    time_budget_ms: int = field(
        default=600, metadata=_note("Milliseconds after which to show what stands so far.", least=1)
    )
    alternatives: int = field(
        default=3, metadata=_note("Most completions to offer on explicit request.", least=1)
    )
    context_tokens: int = field(
        default=2048, metadata=_note("Most tokens of prompt and completion.", least=128)
    )
    threads: int = field(
        default=0, metadata=_note("Threads of the engine; 0 chooses by the machine.", least=0)
    )
    multiline: Multiline = field(
        default="auto", metadata=_note("Whether completions may have several lines.")
    )
    cache_megabytes: int = field(
        default=512, metadata=_note("Memory for the KV caches of all documents.", least=16)
    )
    disk_cache: bool = field(
        default=True,
        metadata=_note("Keep KV caches of recent files on disk; they reveal those files' text."),
    )
    disk_cache_megabytes: int = field(
        default=1024, metadata=_note("Disk space for the KV caches of recent files.", least=16)
    )
    completion_cache: bool = field(default=True, metadata=_note("Answer from recent completions."))
    log_level: LogLevel = field(
        default="warning", metadata=_note("How much goes to the log on standard error.")
    )


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One thing wrong with what the client sent, in words for the user."""

    key: str
    message: str


def setting_key(field_name: str) -> str:
    """Return the client's name of a setting: ``max_new_tokens`` → ``maxNewTokens``."""
    first, *rest = field_name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def apply_options(settings: Settings, options: Any) -> tuple[Settings, tuple[SettingProblem, ...]]:
    """Return ``settings`` changed by what the client sent, and what was wrong with it.

    ``options`` is the section's content, or an object that holds the section under its name.
    """
    if isinstance(options, Mapping) and SECTION in options:
        options = options[SECTION]
    if options is None:
        return settings, ()
    if not isinstance(options, Mapping):
        problem = f"Settings should be an object, not {type(options).__name__}; they are ignored."
        return settings, (SettingProblem(SECTION, problem),)
    problems: list[SettingProblem] = []
    changes: dict[str, Any] = {}
    for key, value in options.items():
        setting = _SETTINGS.get(key)
        problem_text = _unknown(key) if setting is None else setting.problem(value)
        if problem_text is not None:
            problems.append(SettingProblem(str(key), problem_text))
        elif setting is not None:
            changes[setting.field_name] = value
    return dataclasses.replace(settings, **changes), tuple(problems)


def _unknown(key: Any) -> str:
    near = difflib.get_close_matches(str(key), _SETTINGS, n=1)
    hint = f" Did you mean {SECTION}.{near[0]}?" if near else ""
    return f"There is no setting {SECTION}.{key}; it is ignored.{hint}"


@dataclass(frozen=True, slots=True)
class _Setting:
    """One field of ``Settings`` and the test of its values."""

    key: str
    field_name: str
    expected: str
    accepts: Callable[[Any], bool]

    def problem(self, value: Any) -> str | None:
        if self.accepts(value):
            return None
        return f"{SECTION}.{self.key} should be {self.expected}, not {value!r}; it is ignored."


def _describe(name: str, kind: Any, least: int) -> _Setting:
    key = setting_key(name)
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        expected = "one of " + ", ".join(map(repr, choices))
        return _Setting(key, name, expected, lambda v: isinstance(v, str) and v in choices)
    if kind is bool:
        return _Setting(key, name, "true or false", lambda v: isinstance(v, bool))
    if kind is int:
        expected = f"a whole number of at least {least}"
        return _Setting(key, name, expected, lambda v: type(v) is int and v >= least)
    return _Setting(key, name, "a text", lambda v: isinstance(v, str))


def _describe_all() -> dict[str, _Setting]:
    hints = typing.get_type_hints(Settings)
    described = (
        _describe(f.name, hints[f.name], f.metadata["least"]) for f in dataclasses.fields(Settings)
    )
    return {setting.key: setting for setting in described}


_SETTINGS = _describe_all()
