"""``python -m training``: one command for each step, in the order of training/README.md."""

import tempfile
from pathlib import Path

import click

_EXISTING = click.Path(exists=True, path_type=Path)
_NEW = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train the embedded model, step by step."""


@main.command()
@click.option("--packages", type=_EXISTING, required=True, help="The pinned list of packages.")
@click.option("--archives", type=_NEW, required=True, help="Folder for what is fetched.")
@click.option("--evaluation", type=_EXISTING, required=True, help="Evaluation sets to keep out.")
@click.option("--out", type=_NEW, required=True, help="Folder for the corpus.")
@click.option("--manifest", type=_NEW, required=True, help="File for the manifest.")
@click.option("--processes", type=int, default=2, show_default=True)
def corpus(
    packages: Path, archives: Path, evaluation: Path, out: Path, manifest: Path, processes: int
) -> None:
    """Fetch the packages and build the corpus."""
    from training.corpus.build import build_corpus, write_manifest  # noqa: PLC0415
    from training.corpus.package import read_packages  # noqa: PLC0415

    rows = build_corpus(
        read_packages(packages), archives.resolve(), evaluation, out, processes, click.echo
    )
    write_manifest(manifest, rows)
    click.echo(f"{len(rows)} packages, {sum(row.size for row in rows) / 1e6:.0f} MB")


@main.command()
@click.option("--recipe", type=_EXISTING, required=True)
@click.option("--corpus", "corpus_folder", type=_EXISTING, required=True)
@click.option("--tokenizer", type=_EXISTING, required=True, help="A tokenizer.json.")
@click.option("--run", type=_NEW, required=True, help="Folder for checkpoints and the log.")
@click.option("--start-from", type=_EXISTING, help="Hugging Face folder to start from.")
@click.option("--pause-file", type=_NEW, help="Training pauses while this file exists.")
@click.option("--nice", "niceness", type=int, default=0, show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
def train(
    recipe: Path,
    corpus_folder: Path,
    tokenizer: Path,
    run: Path,
    start_from: Path | None,
    pause_file: Path | None,
    niceness: int,
    threads: int,
    device: str,
) -> None:
    """Train, or go on with a run; SIGTERM or Ctrl-C saves and ends it."""
    from training.recipe import read_recipe  # noqa: PLC0415
    from training.train.command import start_or_resume  # noqa: PLC0415

    start_or_resume(
        read_recipe(recipe),
        corpus_folder,
        tokenizer,
        run,
        start_from,
        pause_file,
        niceness,
        threads,
        device,
    )


@main.command()
@click.option("--recipe", type=_EXISTING, required=True, help="For vocabulary size and mix.")
@click.option("--corpus", "corpus_folder", type=_EXISTING, required=True)
@click.option("--megabytes", type=int, default=100, show_default=True, help="Text to train on.")
@click.option("--out", type=_NEW, required=True, help="A tokenizer.json.")
def tokenizer(recipe: Path, corpus_folder: Path, megabytes: int, out: Path) -> None:
    """Train a tokenizer on part of the corpus."""
    from training.corpus.store import Corpus  # noqa: PLC0415
    from training.recipe import read_recipe  # noqa: PLC0415
    from training.tokenizer import train_tokenizer  # noqa: PLC0415

    read = read_recipe(recipe)
    vocab_size, num_bytes = read.model.vocab_size, megabytes * 1_000_000
    train_tokenizer(Corpus(corpus_folder), read.mix, vocab_size, num_bytes, read.seed, out)


@main.command()
@click.option("--recipe", type=_EXISTING, required=True)
@click.option("--run", type=_EXISTING, required=True, help="Folder of the training run.")
@click.option("--tokenizer", type=_EXISTING, required=True)
@click.option("--out", type=_NEW, required=True, help="Hugging Face folder.")
def export(recipe: Path, run: Path, tokenizer: Path, out: Path) -> None:
    """Write the averaged weights of the newest checkpoint as a Hugging Face folder."""
    from training.export import export_huggingface  # noqa: PLC0415
    from training.recipe import read_recipe  # noqa: PLC0415

    export_huggingface(read_recipe(recipe), run / "checkpoints", tokenizer, out)


@main.command()
@click.argument("folder", type=_EXISTING, metavar="HF_DIR")
@click.option("--recipe", type=_EXISTING, required=True)
@click.option("--corpus", "corpus_folder", type=_EXISTING, required=True)
@click.option("--kilobytes", type=int, default=200, show_default=True, help="For each language.")
@click.option("--infilling", type=_EXISTING, help="A data set of human-eval-infilling.")
@click.option("--limit", type=int, default=1033, show_default=True, help="Tasks of --infilling.")
@click.option("--lines", type=int, default=100, show_default=True, help="For each language.")
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--json", "out", type=_NEW, required=True)
def evaluate(
    folder: Path,
    recipe: Path,
    corpus_folder: Path,
    kilobytes: int,
    infilling: Path | None,
    limit: int,
    lines: int,
    threads: int,
    out: Path,
) -> None:
    """Measure bits per byte and exact match on held-out packages, and infilling if asked for."""
    import json  # noqa: PLC0415

    from training.evaluate.command import evaluate as evaluate_folder  # noqa: PLC0415
    from training.recipe import read_recipe  # noqa: PLC0415

    num_bytes = kilobytes * 1000
    figures = evaluate_folder(
        read_recipe(recipe), folder, corpus_folder, num_bytes, infilling, limit, lines, threads
    )
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for language, figure in figures["bits_per_byte"].items():
        click.echo(f"{language:12} {figure['bits_per_byte']:.4f} bits per byte")
    for language, figure in figures.get("held_out_lines", {}).items():
        click.echo(f"{language:12} {figure['num_exact']} of {figure['num_lines']} lines exact")


@main.command()
@click.option("--run", type=_EXISTING, required=True, help="Folder of the training run.")
@click.option("--out", type=_NEW, required=True, help="A PNG file.")
def plot(run: Path, out: Path) -> None:
    """Plot the run's loss against tokens."""
    from training.plot import plot_loss  # noqa: PLC0415

    plot_loss(run / "log.jsonl", out)


@main.command()
@click.option("--keep", type=_NEW, help="Folder for what is made, which must not exist yet.")
def smoke(keep: Path | None) -> None:
    """Run every step in a minute, from an empty folder to one completion."""
    from training.smoke import run_smoke  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary:
        run_smoke(keep or Path(temporary) / "smoke", click.echo)


@main.command()
@click.option("--run", type=_EXISTING, required=True, help="Folder of the training run.")
def continuity(run: Path) -> None:
    """Show what every stop and resume of a run cost."""
    from training.continuity import resumptions  # noqa: PLC0415

    for found in resumptions(run / "log.jsonl"):
        before, after = (
            "unknown" if loss is None else f"{loss:.3f}"
            for loss in (found.loss_before, found.loss_after)
        )
        click.echo(
            f"{found.tokens:>12,} tokens: {found.repeated_tokens:,} repeated, "
            f"loss {before} before, {after} after"
        )
