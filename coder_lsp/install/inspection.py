"""What the exporter finds in a source's configuration and headers before it reads any weight."""

import typing
from dataclasses import dataclass, fields
from pathlib import Path

from coder_lsp.errors import FormatError, InstallError
from coder_lsp.install.export_process import Precision, ask_exporter
from coder_lsp.json_input import structure


@dataclass(frozen=True, slots=True)
class Inspection:
    """``size_bytes`` are the weights' in the source, None if they are not there yet.

    ``problem`` says why the model cannot be exported, None if nothing is known against it.
    """

    name: str
    license: str
    model_type: str
    num_parameters: int
    num_active_parameters: int
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    context_length: int
    cache_bytes_per_token: int
    size_bytes: int | None
    has_fim: bool
    is_instruct: bool
    default_precision: Precision
    problem: str | None


def inspect(source: Path) -> Inspection:
    """Have the exporter look at a checkpoint's folder or a GGUF file. Raises ``InstallError``."""
    answer = ask_exporter(str(source), "--inspect", "--json")
    known = {field.name: answer.get(field.name) for field in fields(Inspection)}
    try:
        return typing.cast("Inspection", structure(known, Inspection, f"The exporter on {source}"))
    except FormatError as exc:
        raise InstallError(
            f"{exc} Program and exporter are of different versions; install coder-lsp again."
        ) from exc
