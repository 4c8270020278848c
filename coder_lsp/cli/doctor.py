"""``coder-lsp doctor``: checks everything that a completion needs."""

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from textwrap import indent
from typing import cast, get_args

import click

from coder_lsp import __version__
from coder_lsp.backends.create import create_backend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.cli.options import backend_settings, model_option
from coder_lsp.cli.output import say
from coder_lsp.completion.completion import Completion
from coder_lsp.completion.generation import complete
from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.engine.device.hardware import Hardware, inspect_hardware
from coder_lsp.engine.device.memory import plan_memory, size_text
from coder_lsp.engine.device.nvidia import Gpu
from coder_lsp.engine.device.providers import choose_provider
from coder_lsp.engine.device.runtime import choose_num_threads, runtime_version, usable_processors
from coder_lsp.engine.device.sizes import context_for_memory
from coder_lsp.errors import CoderError, EngineError, ModelFolderError, RuntimeMissing
from coder_lsp.generation import GenerationOptions
from coder_lsp.install.catalogue import suggestion
from coder_lsp.models.installed_models import EMBEDDED, default_model, model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.request import Request
from coder_lsp.settings import Providers, Settings

_CPU_PROVIDER = "CPUExecutionProvider"
_REINSTALL = 'pip install --force-reinstall "coder-lsp[cpu]"'
_REINSTALL_ONE = (
    "The two overwrite each other. Run\n"
    "    pip uninstall onnxruntime onnxruntime-gpu\n"
    "and then one of\n"
    '    pip install "coder-lsp[cpu]"\n'
    '    pip install "coder-lsp[cuda]"'
)
_EXPORT_AGAIN = (
    "Install or export the model again, or take the embedded one: --model embedded here, and\n"
    "    coder-lsp models --use embedded"
)
_GPU_ADVICE = (
    "There is an NVIDIA GPU. A model installed with --target cuda runs on it, if you run\n"
    '    pip install "coder-lsp[cuda]"'
)
_SAMPLE_TOKENS = 16
_SAMPLE = "def add(first, second):\n    return first"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was examined; ``remedy`` may also be advice when nothing is wrong."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


@click.command("doctor")
@model_option
@click.option(
    "--providers",
    type=click.Choice(get_args(Providers)),
    default="auto",
    show_default=True,
    help="The setting of that name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the checks.")
@click.pass_context
def command(ctx: click.Context, *, model: str, providers: str, as_json: bool) -> None:
    """Check the installation; exit with status 1 and the remedy when something is broken."""
    settings = dataclasses.replace(
        backend_settings(model, "local", ""), providers=cast("Providers", providers)
    )
    checks: list[Check] = []
    for check in examine(settings):
        checks.append(check)
        if not as_json:
            say(_as_text(check))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    if not all(check.ok for check in checks):
        ctx.exit(1)


def examine(settings: Settings) -> Iterator[Check]:
    """Yield one check after the other, each as soon as it is known; none of them raises."""
    yield Check("Python", ok=True, found=f"{platform.python_version()} on {platform.platform()}")
    yield Check("coder-lsp", ok=True, found=__version__)
    runtime = _check_runtime()
    yield runtime
    hardware = inspect_hardware() if runtime.ok else None
    if hardware is not None:
        yield _check_providers(hardware)
    model = _check_model(settings)
    yield model
    choice = None
    if hardware is not None and model.ok:
        choice = _check_choice(settings, hardware)
        yield choice
    num_threads = choose_num_threads(settings.threads)
    yield Check("threads", ok=True, found=f"{num_threads} of {usable_processors()} processors")
    if choice is not None and choice.ok:
        yield from _check_completion(settings)


def _check_runtime() -> Check:
    try:
        version = runtime_version()
    except RuntimeMissing as exc:
        return Check("ONNX Runtime", ok=False, found="not installed", remedy=str(exc))
    wheels = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(wheels) > 1:
        found = f"{version}; both onnxruntime and onnxruntime-gpu are installed"
        return Check("ONNX Runtime", ok=False, found=found, remedy=_REINSTALL_ONE)
    return Check("ONNX Runtime", ok=True, found=" from ".join([version, *wheels]))


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _check_providers(hardware: Hardware) -> Check:
    found = ", ".join([*hardware.providers, *map(_describe_gpu, hardware.gpus)])
    if hardware.driver_cuda is not None:
        found += f"; the driver can do CUDA {hardware.driver_cuda[0]}.{hardware.driver_cuda[1]}"
    if hardware.tensorrt is not None:
        found += f"; TensorRT {hardware.tensorrt}"
    if _CPU_PROVIDER not in hardware.providers:
        return Check("providers", ok=False, found=found, remedy=_REINSTALL)
    return Check("providers", ok=True, found=found)


def _describe_gpu(gpu: Gpu) -> str:
    free, total = size_text(gpu.free_bytes), size_text(gpu.total_bytes)
    return f"{gpu.name} with {free} free of {total}"


def _check_choice(settings: Settings, hardware: Hardware) -> Check:
    folder = ModelFolder.read(model_path(settings.model))
    target = folder.manifest.target
    context_tokens = settings.context_tokens or context_for_memory(
        folder, hardware.memory_for(target)
    )
    needs = plan_memory(folder, context_tokens)
    try:
        choice = choose_provider(settings.providers, target, needs, hardware)
    except EngineError as exc:
        return Check("runs on", ok=False, found="nothing", remedy=str(exc))
    advice = "\n".join(choice.notices)
    if target == "cpu" and hardware.has_gpu and settings.providers == "auto":
        advice = _GPU_ADVICE
    found = f"{choice.name}, for which it was {'' if choice.name == target else 'not '}exported; "
    return Check("runs on", ok=True, found=f"{found}needs {needs}", remedy=advice)


def _check_model(settings: Settings) -> Check:
    try:
        folder = ModelFolder.read(model_path(settings.model))
        folder.verify_files()
    except ModelFolderError as exc:
        is_embedded = settings.model in {"", EMBEDDED} and default_model() is None
        remedy = _REINSTALL if is_embedded else _EXPORT_AGAIN
        return Check("model", ok=False, found=str(exc), remedy=remedy)
    manifest = folder.manifest
    found = (
        f"{manifest.name}, {manifest.precision}, {folder.size / 1e6:.1f} MB, in {folder.path}; "
        "every sha256 is right"
    )
    advice = None if settings.model else suggestion()
    return Check("model", ok=True, found=found, remedy=advice or "")


def _check_completion(settings: Settings) -> Iterator[Check]:
    """Yield the sizes in force, and a line of Python completed as the server does it."""
    snapshot = DocumentSnapshot("untitled:doctor.py", 0, "python", _SAMPLE, len(_SAMPLE))
    request = Request(snapshot, GenerationOptions(_SAMPLE_TOKENS))
    try:
        backend = create_backend(settings)
        completion = complete(request, backend, CancellationToken())
    except CoderError as exc:
        yield Check("completion", ok=False, found=str(exc), remedy=_REINSTALL)
        return
    yield Check("sizes", ok=True, found=_describe_sizes(backend.stats()))
    if completion.usage.num_generated_tokens == 0:
        yield Check("completion", ok=False, found="the model wrote nothing", remedy=_REINSTALL)
        return
    yield Check("completion", ok=True, found=_describe(completion))


def _describe_sizes(stats: Mapping[str, int | float | str]) -> str:
    cache = size_text(int(stats["cache_budget_bytes"]))
    return (
        f"{stats['context_tokens']} tokens of context (contextTokens), {cache} for KV caches "
        f"(cacheMegabytes), {stats['time_budget_ms']} ms for a completion (timeBudgetMs)"
    )


def _describe(completion: Completion) -> str:
    usage = completion.usage
    shown = repr(completion.text) if completion.text else f"refused by {completion.refused_by}"
    return (
        f"{_SAMPLE.splitlines()[-1].strip()!r} is continued by {shown} in "
        f"{completion.total_ms:.0f} ms "
        f"({completion.time_to_first_token_ms or 0:.0f} ms to the first token, "
        f"{usage.num_prompt_tokens} prompt and {usage.num_generated_tokens} generated tokens)"
    )


def _as_text(check: Check) -> str:
    mark = "ok   " if check.ok else "WRONG"
    line = f"{mark} {check.name:14} {check.found}"
    return f"{line}\n{indent(check.remedy, ' ' * 6)}" if check.remedy else line
