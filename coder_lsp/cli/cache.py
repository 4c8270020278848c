"""``coder-lsp cache``: the KV caches of recent files on disk."""

import click

from coder_lsp.engine.store.sequence_folder import DiskUsage, SequenceFolder
from coder_lsp.paths import sequences_path


@click.group("cache")
def command() -> None:
    """Show or clear the KV caches of recent files on disk.

    They reveal the text of those files, and only you can read them. The setting diskCache turns
    them off. The environment variable CODER_LSP_CACHE_DIR names another folder.
    """


@command.command("info")
def info() -> None:
    """Show the folder, the number of files and their size."""
    path = sequences_path()
    click.echo(f"{_describe(SequenceFolder(path, 0).usage())} in {path}.")


@command.command("clear")
def clear() -> None:
    """Remove all cached sequences; running servers continue."""
    path = sequences_path()
    try:
        usage = SequenceFolder(path, 0).clear()
    except OSError as exc:
        raise click.ClickException(
            f"{path} cannot be cleared: {exc}. Close your editors and try again."
        ) from exc
    click.echo(f"Removed {_describe(usage)} from {path}.")


def _describe(usage: DiskUsage) -> str:
    noun = "sequence" if usage.num_files == 1 else "sequences"
    return f"{usage.num_files} cached {noun}, {usage.num_bytes / 1e6:.1f} MB,"
