"""``python -m bench traces``: write the project's own traces."""

from pathlib import Path

import click

from bench.replay import is_pure_typing, replay
from bench.trace import Trace, write_trace
from bench.typist.sessions import SourceFile, editing_session, typing_session

ROOT = Path(__file__).parent.parent
TRACES = Path(__file__).parent / "traces"
SEED = 3
NUM_CHARACTERS = 340

FILES = {
    "python": ("bench/sources/model_config.py", "bench/sources/checkpoint.py"),
    "typescript": ("bench/sources/router.ts", "coder_lsp/examples/taskQueue.ts"),
    "go": ("bench/sources/scheduler.go", "coder_lsp/examples/lru.go"),
    "rust": ("bench/sources/lexer.rs", "bench/sources/ring.rs"),
}
"""For each language the file that is worked on, and a second one beside it."""


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=TRACES,
    help="Where to write them. Default: bench/traces.",
)
@click.option("--seed", default=SEED, show_default=True)
def command(out: Path, seed: int) -> None:
    """Make editing sessions out of source files: what is typed, when, and where."""
    out.mkdir(parents=True, exist_ok=True)
    for trace in make_traces(seed):
        write_trace(out / f"{trace.name}.jsonl", trace)
        kind = "pure typing" if is_pure_typing(trace) else "editing"
        print(f"{trace.name}: {len(list(replay(trace))) - 1} keystrokes, {kind}")


def make_traces(seed: int, num_characters: int = NUM_CHARACTERS) -> list[Trace]:
    """Return three sessions for each language; the same seed and files make the same ones.

    Where an editor closes nothing else, it still closes a brace with Enter, as programmers have it
    set up in languages with braces.
    """
    traces = []
    for language, paths in FILES.items():
        files = [SourceFile(p, (ROOT / p).read_text(encoding="utf-8")) for p in paths]
        plain = typing_session(
            f"{language}-typing",
            files,
            "nothing" if language == "python" else "braces",
            seed,
            num_characters,
        )
        closing = typing_session(
            f"{language}-typing-closing", files, "everything", seed, num_characters
        )
        editing = editing_session(f"{language}-editing", files, "everything", seed, num_characters)
        traces += [plain, closing, editing]
    return traces
