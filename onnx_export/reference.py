"""The same checkpoint run by transformers, for comparison; the only module that imports torch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import ReferenceMissing

REFERENCE_VERSIONS = "torch==2.13.0 transformers==5.23.0"


class Reference:
    """The model in float32, with the plainest attention and experts."""

    def __init__(self, hf_dir: Path) -> None:
        """Load a Hugging Face folder. Raises ``ReferenceMissing``."""
        self._torch, transformers = require_reference()
        transformers.utils.logging.disable_progress_bar()
        # One thread is faster than two wherever something else runs too: torch's threads spin.
        self._torch.set_num_threads(1)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            hf_dir,
            dtype=self._torch.float32,
            attn_implementation="eager",
            experts_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
        ).eval()

    def logits(self, token_ids: list[int]) -> NDArray[np.float32]:
        """Return ``[N, vocabulary]`` for a whole sequence at once, without a cache."""
        with self._torch.inference_mode():
            batch = self._torch.tensor([token_ids], dtype=self._torch.int64)
            logits = self._model(batch, use_cache=False).logits[0]
        return np.asarray(logits.numpy(), np.float32)

    def logits_and_router_margins(
        self, token_ids: list[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[N, vocabulary]`` and margins ``[N]``.

        A margin is the difference, in the router's logits, between the last expert that was chosen
        and the next one. It is that of the layer where it is least, and infinite without experts.
        """
        margins = [np.full(len(token_ids), np.inf, np.float32)]

        def watch(router: Any, _: Any, outputs: Any) -> None:
            best = outputs[0].topk(router.top_k + 1, dim=-1).values
            margins.append((best[:, -2] - best[:, -1]).numpy())

        hooks = [router.register_forward_hook(watch) for router in self._routers()]
        try:
            logits = self.logits(token_ids)
        finally:
            for hook in hooks:
                hook.remove()
        return logits, np.min(margins, axis=0)

    def _routers(self) -> list[Any]:
        return [m for m in self._model.modules() if type(m).__name__ == "DeepseekV2TopkRouter"]

    def save(self, hf_dir: Path, max_shard_size: str) -> None:
        """Write the checkpoint as transformers does, with experts apart, in shards."""
        self._model.save_pretrained(hf_dir, max_shard_size=max_shard_size)


def require_reference() -> tuple[Any, Any]:
    """Return the modules torch and transformers. Raises ``ReferenceMissing``."""
    try:
        import torch  # noqa: PLC0415 (an export without --verify does not need it)
        import transformers  # noqa: PLC0415
    except ImportError as exc:
        raise ReferenceMissing(
            "Comparing with transformers needs torch and transformers, which are not installed. "
            f"Install them with: pip install {REFERENCE_VERSIONS}"
        ) from exc
    return torch, transformers
