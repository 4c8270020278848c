"""Writing a model folder: the graph and its weights, the tokenizer, and the manifest of both.

The one writer; ``coder_lsp.model_folder`` is the one reader. A folder is made beside its place
under another name and moved there when it is complete.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from onnx_export.config import ExportConfig
from onnx_export.errors import OutputError
from onnx_export.model_types import KnownConfig
from onnx_export.parameter_count import num_active_parameters, num_parameters
from onnx_export.tokenizer_file import TOKENIZER_NAME, TokenizerFile

MANIFEST_NAME = "coder_lsp.json"
FORMAT_VERSION = 1
GRAPH_NAME = "model.onnx"
WEIGHTS_NAME = "model.onnx.data"

WriteProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Description:
    """What the manifest says of the model beside its numbers."""

    name: str
    source_model: str
    license: str
    num_generable_ids: int


def write_model_folder(
    out_dir: Path,
    graph: ir.Model,
    model: KnownConfig,
    export: ExportConfig,
    tokenizer: TokenizerFile,
    description: Description,
    on_progress: WriteProgress,
) -> None:
    """Write everything, then move it to ``out_dir``. Raises ``OutputError``.

    ``on_progress`` is called with the number of tensors written, their total and a tensor's name.
    """
    require_free(out_dir)
    with _complete_or_nothing(out_dir) as folder:
        _save_graph(graph, folder, on_progress)
        shutil.copyfile(tokenizer.path, folder / TOKENIZER_NAME)
        names = sorted(path.name for path in folder.iterdir())
        files = {name: _file_entry(folder / name) for name in names}
        manifest = _manifest(model, export, tokenizer, description, files)
        text = json.dumps(manifest, ensure_ascii=False, indent=2)
        (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8", newline="\n")


def require_free(out_dir: Path) -> None:
    """Raise ``OutputError`` unless ``out_dir`` is absent or empty."""
    if out_dir.is_dir() and not any(out_dir.iterdir()):
        return
    if out_dir.exists():
        raise OutputError(f"{out_dir} exists already. Remove it or name another folder.")


def _manifest(
    model: KnownConfig,
    export: ExportConfig,
    tokenizer: TokenizerFile,
    description: Description,
    files: dict[str, dict[str, int | str]],
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
        "precision": export.precision,
        "block_size": export.block_size,
        "target": "cpu",
        "graph": GRAPH_NAME,
        "tokenizer": TOKENIZER_NAME,
        "cache": {**model.cache_layout, "dtype": "float32"},
        "fim": {
            "order": "psm",
            "bos": model.bos_token_id,
            "eos": tokenizer.eos(model),
            "fim_begin": tokenizer.fim_begin,
            "fim_hole": tokenizer.fim_hole,
            "fim_end": tokenizer.fim_end,
            "snippets": "before_fim_begin",
        },
        "num_generable_ids": description.num_generable_ids,
        "context_length": export.resolve_context_length(model),
        "files": files,
    }


def _save_graph(graph: ir.Model, folder: Path, on_progress: WriteProgress) -> None:
    num_written = 0

    def count(tensor: ir.TensorProtocol, info: ir.external_data.CallbackInfo) -> None:
        nonlocal num_written
        num_written += 1
        on_progress(num_written, info.total, str(tensor.name))

    ir.save(graph, folder / GRAPH_NAME, external_data=WEIGHTS_NAME, callback=count)


def _file_entry(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


@contextmanager
def _complete_or_nothing(out_dir: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``out_dir`` if the block succeeds and vanishes if it does not."""
    try:
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}.", dir=out_dir.parent))
    except OSError as exc:
        raise OutputError(f"No folder can be made beside {out_dir}: {exc}.") from exc
    try:
        yield folder
        # A temporary folder is private to the user; a model folder need not be.
        folder.chmod(0o755)
        if out_dir.is_dir():
            out_dir.rmdir()
        folder.rename(out_dir)
    except OSError as exc:
        raise OutputError(f"{out_dir} could not be written: {exc}.") from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)
