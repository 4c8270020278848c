"""``coder-lsp demo``: types into real files and shows the completions of a real server."""

import asyncio
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import click
from rich.console import Console
from rich.live import Live

from coder_lsp.child_client import ChildClient, InlineCompletion, start_child
from coder_lsp.cli.demo_display import Display, Keystroke, PlainDisplay, TerminalDisplay
from coder_lsp.cli.demo_scenes import SCENES, Scene, open_scene
from coder_lsp.cli.options import backend_options, backend_settings
from coder_lsp.settings import BackendName

_TIME_BUDGET_MS = 10_000
"""Longer than a user would wait, so that each keystroke has its figures on a slow machine too."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between keystrokes, seconds after a scene, and when the last scene may begin."""

    typing_seconds: float
    reading_seconds: float
    max_seconds: float


@dataclass(slots=True)
class Tally:
    """Counts of the demonstration; times are in milliseconds, one for each generation."""

    num_keystrokes: int = 0
    num_shown: int = 0
    first_token_ms: list[float] = field(default_factory=list)
    num_cached_tokens: int = 0
    num_prompt_tokens: int = 0

    def count(self, completion: InlineCompletion) -> None:
        """Count one keystroke."""
        self.num_keystrokes += 1
        self.num_shown += bool(completion.ghost_text)
        figures = completion.figures
        if figures is not None and figures.time_to_first_token_ms is not None:
            self.first_token_ms.append(figures.time_to_first_token_ms)
            self.num_cached_tokens += figures.usage.num_cached_tokens
            self.num_prompt_tokens += figures.usage.num_prompt_tokens

    def summary(self) -> str:
        """Return the figures in one sentence."""
        shown = f"{self.num_shown} completions shown for {self.num_keystrokes} keystrokes"
        if not self.first_token_ms:
            return f"{shown}."
        median = statistics.median(self.first_token_ms)
        share = self.num_cached_tokens / max(self.num_prompt_tokens, 1)
        return (
            f"{shown}; time to first token {median:.0f} ms in the median of "
            f"{len(self.first_token_ms)} generations; {share:.0%} of the prompt tokens were cached."
        )


@click.command("demo")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=45.0,
    show_default=True,
    help="Start no further file after this time.",
)
@click.option(
    "--completion-cache",
    is_flag=True,
    help="Let the server answer from recent completions, as it does in an editor.",
)
@backend_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    seconds: float,
    completion_cache: bool,
    model: str,
    backend: BackendName | None,
    script: str,
) -> None:
    """Type into real source files and show the server's ghost text.

    Each keystroke runs the model, so that each has its figures.
    """
    settings = backend_settings(model, backend, script)
    options = {
        "model": settings.model,
        "backend": settings.backend,
        "script": settings.script,
        "completionCache": completion_cache,
        "diskCache": False,
        "timeBudgetMs": _TIME_BUDGET_MS,
    }
    if sys.stdout.isatty():
        console = Console()
        with Live(console=console, auto_refresh=False) as live:
            display = TerminalDisplay(console, live)
            tally = asyncio.run(_play(options, display, Pace(0.15, 1.5, seconds)))
    else:
        tally = asyncio.run(_play(options, PlainDisplay(), Pace(0, 0, seconds)))
    click.echo(tally.summary())
    ctx.exit(0 if tally.num_shown else 1)


async def _play(options: Mapping[str, object], display: Display, pace: Pace) -> Tally:
    """Start the server and play the scenes until the time is over."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    tally = Tally()
    async with start_child([], options) as server:
        await server.wait_until_ready()
        ready = loop.time()
        display.say(f"The server is ready after {ready - started:.1f} s.")
        for scene in SCENES:
            await _play_scene(scene, server, display, tally, pace)
            if loop.time() - ready > pace.max_seconds:
                break
    return tally


async def _play_scene(
    scene: Scene, server: ChildClient, display: Display, tally: Tally, pace: Pace
) -> None:
    """Type the scene's line, and ask for a completion after each character."""
    document = open_scene(scene)
    display.say(f"Typing into {scene.path}:")
    server.open(document)
    for character in scene.line[: scene.num_keystrokes]:
        document = server.type_text(document, character)
        completion = await server.complete(document)
        tally.count(completion)
        figures = _describe(completion)
        display.show(Keystroke(document, scene.path, completion.ghost_text, figures))
        await asyncio.sleep(pace.typing_seconds)
    server.close(document)
    await asyncio.sleep(pace.reading_seconds)


def _describe(completion: InlineCompletion) -> str:
    """Return one keystroke's figures as a line of text."""
    answer = f"answered in {completion.answer_ms:.0f} ms"
    figures = completion.figures
    if figures is None:
        return f"{answer} from the last completion"
    if figures.time_to_first_token_ms is None:
        return f"{answer}, nothing generated"
    refused = f", refused by the rule {figures.refused_by}" if figures.refused_by else ""
    return (
        f"first token after {figures.time_to_first_token_ms:.0f} ms, {answer}, "
        f"{figures.usage.num_cached_tokens} cached + {figures.usage.num_new_tokens} new tokens, "
        f"{figures.usage.num_generated_tokens} generated{refused}"
    )
