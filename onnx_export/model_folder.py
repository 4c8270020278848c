"""Writing a model folder: the graph and its weights, the tokenizer, and the manifest of both.

The one writer; ``coder_lsp.models.model_folder`` is the one reader.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from onnx_export.config import ExportConfig, Precision
from onnx_export.float_types import FloatTypes
from onnx_export.graph_builder import WEIGHTS_NAME, ExportGraph
from onnx_export.model_types import KnownConfig
from onnx_export.parameter_count import num_active_parameters, num_parameters
from onnx_export.partial_folder import JOURNAL_NAME, partial_folder
from onnx_export.progress import PhaseClock, ReportProgress
from onnx_export.room import require_disk_space, require_memory
from onnx_export.tokenizer_file import TOKENIZER_NAME, TokenizerFile
from onnx_export.weights_file import FileEntry, WeightsFile

MANIFEST_NAME = "coder_lsp.json"
FORMAT_VERSION = 1
GRAPH_NAME = "model.onnx"


@dataclass(frozen=True, slots=True)
class Description:
    """What the manifest says about the model besides its numbers."""

    name: str
    source_model: str
    license: str
    num_generable_ids: int
    is_instruct: bool


def write_model_folder(
    out_dir: Path,
    graph: ExportGraph,
    weights_identity: str,
    model: KnownConfig,
    export: ExportConfig,
    tokenizer: TokenizerFile,
    description: Description,
    on_progress: ReportProgress,
) -> None:
    """Write everything, then move it to ``out_dir``. Raises ``OutputError`` and ``RoomError``.

    If an earlier run that was to write the same broke off, this one continues it.
    """
    graph_bytes = ir.to_proto(graph.model).SerializeToString(deterministic=True)
    job = f"{hashlib.sha256(graph_bytes).hexdigest()}\n{weights_identity}\n{export}\n"
    with partial_folder(out_dir, job) as folder:
        files = {
            WEIGHTS_NAME: _write_weights(folder, graph, on_progress),
            GRAPH_NAME: _write_file(folder / GRAPH_NAME, graph_bytes),
            TOKENIZER_NAME: _write_file(folder / TOKENIZER_NAME, tokenizer.content),
        }
        manifest = _manifest(graph, model, export, tokenizer, description, files)
        text = json.dumps(manifest, ensure_ascii=False, indent=2)
        (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8", newline="\n")


def _manifest(
    graph: ExportGraph,
    model: KnownConfig,
    export: ExportConfig,
    tokenizer: TokenizerFile,
    description: Description,
    files: dict[str, FileEntry],
) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "name": description.name,
        "source": {
            "model": description.source_model,
            "license": description.license,
            "num_parameters": num_parameters(model),
            "num_active_parameters": num_active_parameters(model),
        },
        "architecture": {
            "model_type": model.model_type,
            "vocab_size": model.vocab_size,
            "hidden_size": model.hidden_size,
            "num_hidden_layers": model.num_hidden_layers,
            "num_attention_heads": model.num_attention_heads,
        },
        "precision": _precision(graph, export),
        "recipe": export.precision if export.recipe is None else export.recipe.name,
        "block_size": export.block_size,
        "expert_block_size": export.expert_block_size,
        "target": export.target,
        "graph": GRAPH_NAME,
        "tokenizer": TOKENIZER_NAME,
        "cache": _cache(model, export),
        "fim": {
            "order": "psm",
            "bos": tokenizer.bos(model),
            "eos": tokenizer.eos(model),
            "fim_begin": tokenizer.fim_begin,
            "fim_hole": tokenizer.fim_hole,
            "fim_end": tokenizer.fim_end,
            "names": {
                "fim_begin": tokenizer.tokens.fim_begin,
                "fim_hole": tokenizer.tokens.fim_hole,
                "fim_end": tokenizer.tokens.fim_end,
            },
            "snippets": "before_fim_begin",
        },
        "num_generable_ids": description.num_generable_ids,
        "is_instruct": description.is_instruct,
        "context_length": export.resolve_context_length(model),
        "files": {name: asdict(files[name]) for name in sorted(files)},
    }


def _precision(graph: ExportGraph, export: ExportConfig) -> Precision:
    """Return the precision; of kept blocks, that of the smallest ones."""
    if export.precision != "keep":
        return export.precision
    bits = [n.attributes["bits"].as_int() for n in graph.graph if n.op_type == "MatMulNBits"]
    return "int4" if 4 in bits else "int8"  # noqa: PLR2004


def _cache(model: KnownConfig, export: ExportConfig) -> dict[str, int | str]:
    layout = model.cache_layout
    dtype = FloatTypes.of(export).activations.numpy().name
    return {**layout, "dtype": dtype}


def _write_weights(folder: Path, graph: ExportGraph, on_progress: ReportProgress) -> FileEntry:
    file = WeightsFile(folder / WEIGHTS_NAME, folder / JOURNAL_NAME, graph.segments)
    total = graph.weights_size
    file.trust(PhaseClock("checking", 0, file.found_size, on_progress).reach)
    require_disk_space(folder, total - file.size)
    require_memory()
    return file.write(PhaseClock("writing", file.size, total, on_progress).reach)


def _write_file(path: Path, content: bytes) -> FileEntry:
    path.write_bytes(content)
    return FileEntry(len(content), hashlib.sha256(content).hexdigest())
