"""Weights must be numbers: a damaged checkpoint would make a model that writes nonsense."""

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import CheckpointError


def require_finite(name: str, values: NDArray[np.generic]) -> None:
    """Raise ``CheckpointError`` unless all values, as they will be stored, are finite."""
    if not np.isfinite(values.astype(np.float32, copy=False)).all():
        raise CheckpointError(
            f"The tensor {name} contains a weight that is not a finite number, or is too large for "
            f"{values.dtype}. If the same happens with --precision fp32, the checkpoint is "
            "damaged: download it again."
        )
