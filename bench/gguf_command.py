"""``python -m bench gguf``: the model that a peer runs."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from bench.errors import BenchError
from bench.gguf import GgufType, write_gguf
from onnx_export.agreement import NEAR_TIE
from onnx_export.checkpoint import Checkpoint
from onnx_export.config import CONFIG_NAME
from onnx_export.deepseek_v2_config import read_deepseek_v2_config
from onnx_export.random_weights import RandomWeights

if TYPE_CHECKING:
    from onnx_export.weights import Weights

_PATH = click.Path(path_type=Path)
# Of the logits of two right implementations, at the first token that they choose differently.
_LARGEST_GAPS: Mapping[GgufType, float] = MappingProxyType(
    {"f32": NEAR_TIE, "f16": 0.05, "q8_0": 0.5, "q4_0": 3.0}
)


@click.command()
@click.argument("source", type=_PATH)
@click.argument("out", type=_PATH)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["f32", "f16", "q8_0", "q4_0"]),
    default="q8_0",
    show_default=True,
)
@click.option("--tokenizer", type=_PATH, help="Default: tokenizer.json beside config.json.")
@click.option("--layers", type=int, help="With random weights: cut the model to so many layers.")
@click.option("--seed", type=int, help="With random weights: the exporter's --seed.")
@click.option(
    "--verify",
    type=_PATH,
    metavar="MODEL_DIR",
    help="Compare greedy continuations in llama-server with those of this model folder (fp32); "
    "exit status 1 if they differ by more than rounding.",
)
def command(
    source: Path,
    out: Path,
    kind: GgufType,
    tokenizer: Path | None,
    layers: int | None,
    seed: int | None,
    verify: Path | None,
) -> None:
    """Write SOURCE as GGUF.

    SOURCE is a Hugging Face folder, or a config.json: then the weights are made up, the same ones
    as ``python -m onnx_export --random-weights`` makes with the same seed.
    """
    with ExitStack() as stack:
        weights: Weights
        if source.is_dir():
            folder = source
            weights = stack.enter_context(Checkpoint(source))
        else:
            folder = source.parent
            weights = RandomWeights(seed or 0)
        config = read_deepseek_v2_config(folder / CONFIG_NAME if source.is_dir() else source)
        if layers is not None:
            config = config.with_layers(layers)
        tokenizer = tokenizer or folder / "tokenizer.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        write_gguf(out, out.stem, config, weights, tokenizer, kind)
    print(f"{out}: {kind}, {out.stat().st_size / 1e6:.1f} MB")
    if verify is not None:
        _verify(out, verify, _LARGEST_GAPS[kind])


def _verify(out: Path, model: Path, largest_gap: float) -> None:
    # Imported here because it starts ONNX Runtime and a peer.
    from bench.gguf_verify import verify_gguf  # noqa: PLC0415

    agreement = verify_gguf(out, model)
    print(
        f"greedy continuations equal: {agreement.num_equal} of {agreement.num_prompts}, besides "
        f"{agreement.num_near_ties} near ties (largest gap {agreement.largest_gap:.2g}); "
        f"prompts of up to {agreement.longest_prompt} tokens"
    )
    if not agreement.largest_gap <= largest_gap:
        raise BenchError(
            f"{out} is not the model in {model}: a token that llama-server chose is "
            f"{agreement.largest_gap:.2g} below our best one, and {largest_gap} is what rounding "
            "explains. Compare the tensors of both."
        )
