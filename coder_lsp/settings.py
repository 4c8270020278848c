"""The user's settings: one record for each, and what a client sends made into ``Settings``.

The README's table, VS Code's manifest and Emacs' options are checked against the records.
A wrong value changes nothing else. An unknown key is reported with the nearest known one. Both
become ``problems``, of which the user is told once. Nothing that a client sends stops the server.
"""

import dataclasses
import difflib
import reprlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from coder_lsp.errors import FormatError
from coder_lsp.json_input import Check, structure

SECTION = "coder-lsp"

BackendName = Literal["local", "scripted"]
PlainCompletion = Literal["auto", "always", "never"]
Multiline = Literal["auto", "never", "always"]
Providers = Literal["auto", "cuda", "tensorrt", "cpu"]
LogLevel = Literal["error", "warning", "info", "debug"]

Scope = Literal["machine", "window"]
"""Who may change a setting: the user alone, or an open folder's own settings as well."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting besides its name, type and default.

    ``numbers`` are minimum and maximum; ``is_automatic``: 0 is allowed too, and the program then
    chooses. ``reloads_model``: a change takes effect only when the model is loaded again.
    """

    doc: str
    numbers: tuple[int, int] = (0, 0)
    is_automatic: bool = False
    reloads_model: bool = False
    scope: Scope = "machine"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user wants. The client's names are the same in camel case, under ``coder-lsp``."""

    enabled: Annotated[
        bool, About("Whether to complete at all. A command can change it too.", scope="window")
    ] = True
    model: Annotated[
        str,
        About(
            "Name of an installed model, or absolute path of a model folder. Empty: the default "
            "model.",
            reloads_model=True,
        ),
    ] = ""
    backend: Annotated[
        BackendName,
        About("Where completions come from: the model inside, or a script.", reloads_model=True),
    ] = "local"
    script: Annotated[
        str,
        About(
            "Path of the JSON file with the answers of the scripted backend.", reloads_model=True
        ),
    ] = ""
    providers: Annotated[
        Providers,
        About(
            "Where the model runs. auto: the GPU, if the model and the machine allow it.",
            reloads_model=True,
        ),
    ] = "auto"
    plain_completion: Annotated[
        PlainCompletion,
        About(
            "When to answer textDocument/completion. auto: until the client completes inline.",
            scope="window",
        ),
    ] = "auto"
    max_new_tokens: Annotated[
        int,
        About(
            "Maximum number of tokens to generate for one completion.",
            numbers=(1, 4096),
            reloads_model=True,
        ),
    ] = 64
    time_budget_ms: Annotated[
        int,
        About(
            "Maximum time in milliseconds before the text generated so far is shown. "
            "0: chosen for the model and the machine.",
            numbers=(50, 600_000),
            is_automatic=True,
            reloads_model=True,
        ),
    ] = 0
    alternatives: Annotated[
        int,
        About(
            "Maximum number of completions to choose from when you ask for one.", numbers=(1, 20)
        ),
    ] = 3
    context_tokens: Annotated[
        int,
        About(
            "Maximum number of tokens of prompt and completion together. "
            "0: chosen for the model and the machine.",
            numbers=(128, 262_144),
            is_automatic=True,
            reloads_model=True,
        ),
    ] = 0
    threads: Annotated[
        int,
        About(
            "Threads of the engine. 0: chosen by the machine.",
            numbers=(1, 256),
            is_automatic=True,
            reloads_model=True,
        ),
    ] = 0
    multiline: Annotated[
        Multiline, About("Whether completions may have several lines.", scope="window")
    ] = "auto"
    cache_megabytes: Annotated[
        int,
        About(
            "Memory in megabytes for the KV caches of all documents. "
            "0: chosen for the model and the machine.",
            numbers=(16, 1_048_576),
            is_automatic=True,
            reloads_model=True,
        ),
    ] = 0
    disk_cache: Annotated[
        bool,
        About(
            "Keep the KV caches of recent files on disk. They reveal the text of those files.",
            reloads_model=True,
        ),
    ] = True
    disk_cache_megabytes: Annotated[
        int,
        About(
            "Disk space for the KV caches of recent files.",
            numbers=(16, 1_048_576),
            reloads_model=True,
        ),
    ] = 1024
    completion_cache: Annotated[
        bool, About("Answer from recent completions where they still apply.")
    ] = True
    log_level: Annotated[LogLevel, About("How much is written to the log on standard error.")] = (
        "warning"
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: ``kind`` is ``bool``, ``int`` or ``str``, and a text may have ``choices``."""

    key: str
    field_name: str
    kind: type
    choices: tuple[str, ...]
    default: bool | int | str
    about: About

    @property
    def values(self) -> str:
        """The values that are allowed, in words."""
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        if self.kind is int:
            range_ = f"a whole number from {self.about.numbers[0]} to {self.about.numbers[1]}"
            return f"0 or {range_}" if self.about.is_automatic else range_
        return "true or false" if self.kind is bool else "a text"

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value that a client sent, in words for the user."""
        try:
            structure(value, Annotated[self.kind, Check(self.values, self._accepts)], self.key)
        except FormatError:
            return (
                f"{SECTION}.{self.key} should be {self.values}, not "
                f"{reprlib.repr(value)}; it is ignored."
            )
        return None

    def _accepts(self, value: Any) -> bool:
        if self.kind is int:
            minimum, maximum = self.about.numbers
            return bool(minimum <= value <= maximum or (self.about.is_automatic and value == 0))
        return not self.choices or value in self.choices


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One thing wrong with what the client sent, in words for the user."""

    key: str
    message: str


def needs_reload(before: Settings, after: Settings) -> bool:
    """Whether the model must be loaded again for a change of settings."""
    names = (setting.field_name for setting in SETTINGS.values() if setting.about.reloads_model)
    return any(getattr(before, name) != getattr(after, name) for name in names)


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
        setting = SETTINGS.get(key)
        problem_text = _unknown(key) if setting is None else setting.problem(value)
        if problem_text is not None:
            problems.append(SettingProblem(str(key), problem_text))
        elif setting is not None:
            changes[setting.field_name] = value
    return dataclasses.replace(settings, **changes), tuple(problems)


def max_completion_tokens(context_tokens: int) -> int:
    """Return how many tokens a completion may have: the prompt keeps half of the context."""
    return context_tokens // 2


def completion_problem(max_new_tokens: int, context_tokens: int) -> str | None:
    """Return what is wrong with a completion that is longer than the context has room for."""
    limit = max_completion_tokens(context_tokens)
    if max_new_tokens <= limit:
        return None
    return (
        f"{SECTION}.maxNewTokens is {max_new_tokens}, and the context has {context_tokens} tokens. "
        f"A completion gets at most half of the context: {limit} tokens. Lower "
        f"{SECTION}.maxNewTokens, or raise {SECTION}.contextTokens if the model allows it."
    )


def _unknown(key: Any) -> str:
    near = difflib.get_close_matches(str(key), SETTINGS, n=1)
    hint = f" Did you mean {SECTION}.{near[0]}?" if near else ""
    return f"There is no setting {SECTION}.{key}; it is ignored.{hint}"


def _describe(name: str, hint: Any) -> Setting:
    first, *rest = name.split("_")
    kind, about = typing.get_args(hint)
    choices = typing.get_args(kind)
    return Setting(
        key=first + "".join(word.capitalize() for word in rest),
        field_name=name,
        kind=str if choices else kind,
        choices=choices,
        default=getattr(Settings(), name),
        about=about,
    )


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.key: setting
        for name, hint in typing.get_type_hints(Settings, include_extras=True).items()
        for setting in [_describe(name, hint)]
    }
)
"""The records by the client's name, in the order in which they are documented."""
