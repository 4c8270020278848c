"""``--via optimum``: the checkpoint as optimum exports it, an independent reference graph."""

from pathlib import Path

from onnx_export.config import CONFIG_NAME
from onnx_export.errors import ReferenceMissing
from onnx_export.model_types import read_model_config
from onnx_export.partial_folder import require_free

_TASK = "text-generation-with-past"


def export_via_optimum(hf_dir: Path, out_dir: Path) -> None:
    """Write optimum's folder, which is no model folder. Raises ``ExportError``.

    The same as ``optimum-cli export onnx --model HF_DIR OUT_DIR`` does with the plug-in installed.
    """
    require_free(out_dir)
    # optimum would take a folder that is not there for a name on the hub.
    read_model_config(hf_dir / CONFIG_NAME)
    try:
        from optimum.exporters.onnx import main_export  # noqa: PLC0415 (it brings torch along)

        from onnx_export.optimum_config import register  # noqa: PLC0415
    except ImportError as exc:
        raise ReferenceMissing(
            f"Exporting via optimum needs optimum-onnx, which cannot be loaded ({exc}). Install it "
            'in an environment of its own: pip install "coder-lsp[cpu,optimum]"'
        ) from exc
    register()
    main_export(str(hf_dir), str(out_dir), task=_TASK, dtype="fp32", local_files_only=True)
