"""``gguf-agreement``: a GGUF file through our exporter and engine, against llama-server.

llama-server generates greedily from prompts cut out of the project's traces. Each of its tokens is
then compared with the one that our engine likes best after the very same tokens.
"""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import click

from bench.errors import BenchError
from bench.gguf_verify import LONGEST_PROMPT, verify_gguf
from bench.llama_server import find_llama_server, llama_server_version
from bench.result_file import write_result
from onnx_export.config import ExportConfig, Precision
from onnx_export.errors import ExportError
from onnx_export.export import Labels, export
from onnx_export.source import open_source

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("gguf", type=_PATH)
@click.option(
    "--precision",
    default="int8",
    show_default=True,
    type=click.Choice(["fp32", "int8", "int4", "keep"]),
)
@click.option("--longest-prompt", default=LONGEST_PROMPT, show_default=True)
@click.option("--minimum", default=0.0, help="Exit status 1 if a smaller share of tokens agrees.")
@click.option("--json", "json_path", type=_PATH, required=True)
def command(
    gguf: Path, precision: Precision, longest_prompt: int, minimum: float, json_path: Path
) -> None:
    """Export GGUF and compare its greedy tokens with llama-server's on the same file."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        started = time.perf_counter()
        try:
            export(open_source(gguf), folder, ExportConfig(precision), Labels(), lambda _: None)
        except ExportError as exc:
            raise BenchError(str(exc)) from exc
        export_seconds = time.perf_counter() - started
        agreement = verify_gguf(gguf, folder, longest_prompt)
    share = agreement.num_agreeing / max(agreement.num_tokens, 1)
    document = {
        "gguf": gguf.name,
        "precision": precision,
        "llama_cpp": llama_server_version(find_llama_server()),
        "agreeing_share": round(share, 4),
        **asdict(agreement),
        "export_seconds": round(export_seconds, 1),
    }
    write_result(json_path, document)
    click.echo(json.dumps(document, indent=2))
    if share < minimum:
        raise BenchError(f"{share:.1%} of the tokens agree; {minimum:.1%} were asked for.")
