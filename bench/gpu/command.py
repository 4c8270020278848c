"""``python -m bench gpu``: parity, speed and capture on an NVIDIA GPU, each by itself.

What cannot be measured is reported with ONNX Runtime's own words, and the rest goes on.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.decode.models import LITE_CONFIG
from bench.decode.ours import OurModel
from bench.decode.report import SIDE
from bench.decode.rounds import DECODING, Plan, measure_rounds
from bench.errors import BenchError
from bench.gpu.capture import try_capture
from bench.gpu.parity import compare
from bench.result_file import write_result
from coder_lsp.engine.device.hardware import inspect_hardware
from coder_lsp.engine.device.providers import machine_problem
from coder_lsp.engine.device.runtime import choose_num_threads, runtime_version
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig, Precision
from onnx_export.export import Labels, MadeUp, export
from testing.cache_folder import cache_folder

_PARITY_LAYERS = 2
_PARITY_PRECISIONS: tuple[Precision, ...] = ("fp16", "int8", "int4")
_PASTS = (512, 2048, 8192)
_WIDTHS = (16, 64, 256)
_SEED = 0


@click.command()
@click.option("--model", type=click.Path(path_type=Path), metavar="DIR", help="Time this one.")
@click.option("--layers", type=int, help="Cut the made-up model that is timed; default: all 27.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True)
def command(model: Path | None, layers: int | None, rounds: int, out: Path) -> None:
    """Compare the cuda flavour with the CPU, time it, try capture; needs an NVIDIA GPU.

    Models with Lite's widths and made-up weights are exported to the user's cache folder first; the
    whole one takes 10 GB there.
    """
    hardware = inspect_hardware()
    problem = machine_problem(hardware)
    if problem is not None:
        raise BenchError(f"There is no GPU to measure. {problem}")
    report: dict[str, Any] = {"runtime": runtime_version(), "hardware": asdict(hardware)}
    with Console(stderr=True).status("") as status:
        for name, measure in _measurements(model, layers, rounds, status.update).items():
            status.update(name)
            report[name] = attempt(measure)
    write_result(out, report)
    click.echo(json.dumps(report, indent=2))


def attempt(measure: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what was measured, or the words with which it failed."""
    try:
        return measure()
    except Exception as exc:  # noqa: BLE001 (kernels nobody here has run fail in unknown ways)
        return {"failed": f"{type(exc).__name__}: {exc}"}


def _measurements(
    model: Path | None, layers: int | None, rounds: int, tell: Callable[[str], None]
) -> Mapping[str, Callable[[], Mapping[str, Any]]]:
    threads = choose_num_threads(0)

    def parity(precision: Precision) -> Mapping[str, Any]:
        folder = made_up_cuda_lite(_PARITY_LAYERS, precision, tell)
        return asdict(compare(folder, threads, ("cpu", "cuda")))

    def timed() -> Mapping[str, Any]:
        folder = ModelFolder.read(model) if model else made_up_cuda_lite(layers, "int4", tell)
        return _time(folder, threads, Plan(_PASTS, _WIDTHS, rounds), tell)

    def captured() -> Mapping[str, Any]:
        return asdict(try_capture(made_up_cuda_lite(_PARITY_LAYERS, "int4", tell), threads))

    parities = {f"parity {p}": partial(parity, p) for p in _PARITY_PRECISIONS}
    return {**parities, "speed": timed, "CUDA graph": captured}


def made_up_cuda_lite(
    num_layers: int | None, precision: Precision, tell: Callable[[str], None]
) -> ModelFolder:
    """Return Lite's widths with made-up weights for CUDA; made when there is none yet."""
    layers = "full" if num_layers is None else f"{num_layers}-layers"
    path = cache_folder() / "bench" / f"lite-{layers}-{precision}-cuda"
    if not path.exists():
        tell(f"making {path}")
        labels = Labels(name=path.name, tokenizer=embedded_model_path() / "tokenizer.json")
        source = MadeUp(LITE_CONFIG, num_layers=num_layers, seed=_SEED)
        export(source, path, ExportConfig(precision, target="cuda"), labels, lambda _: None)
    return ModelFolder.read(path)


def _time(
    folder: ModelFolder, threads: int, plan: Plan, tell: Callable[[str], None]
) -> Mapping[str, Any]:
    model = OurModel(folder, threads, plan.capacity, "cuda")
    readings = measure_rounds({SIDE: model}, plan, folder.manifest.num_generable_ids, tell)

    def median(past: int, width: int) -> float:
        return round(readings.median(SIDE, (past, width)), 3)

    return {
        "model": folder.manifest.name,
        "provider": model.provider,
        "load_seconds": round(model.load_seconds, 2),
        "prefill": [_row(p, w, median(p, w)) for p in plan.pasts for w in plan.widths],
        "decode": [_row(p, 1, median(p, DECODING)) for p in plan.pasts],
    }


def _row(past: int, new_tokens: int, milliseconds: float) -> Mapping[str, float]:
    return {
        "past": past,
        "new_tokens": new_tokens,
        "milliseconds": milliseconds,
        "tokens_per_second": round(1000 * new_tokens / milliseconds, 2),
    }
