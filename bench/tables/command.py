"""``python -m bench tables``: writes the documents' tables from the result files."""

import click

from bench.errors import BenchError
from bench.tables.markdown import with_tables
from bench.tables.published import DOCUMENTS, ROOT, published_table


@click.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; fail if a table differs.")
def command(*, is_check: bool) -> None:
    """Write each table between its markers in the documents, from bench/results."""
    differing = []
    for name in DOCUMENTS:
        path = ROOT / name
        document = path.read_text(encoding="utf-8")
        expected = with_tables(document, published_table)
        if document == expected:
            continue
        differing.append(name)
        if not is_check:
            path.write_text(expected, encoding="utf-8", newline="\n")
            click.echo(f"wrote the tables of {name}")
    if is_check and differing:
        raise BenchError(
            f"The tables of {', '.join(differing)} differ from bench/results; run "
            "python -m bench tables."
        )
