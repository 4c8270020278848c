"""What is chosen for which machine: the choice is a function of a description, no GPU is asked."""

import dataclasses

import pytest

from coder_lsp.engine.device.hardware import CUDA_PROVIDER, TENSORRT_PROVIDER, Hardware
from coder_lsp.engine.device.memory import MemoryNeeds
from coder_lsp.engine.device.nvidia import Gpu
from coder_lsp.engine.device.providers import ProviderChoice, choose_provider
from coder_lsp.errors import EngineError

GB = 10**9
NEEDS = MemoryNeeds(weights=9 * GB, cache=GB, workspace=GB)
GPU = Gpu("NVIDIA Test", 24 * GB, 20 * GB)
CPU_ONLY = Hardware(("CPUExecutionProvider",), memory_bytes=16 * GB)
WITH_GPU = Hardware(
    providers=(TENSORRT_PROVIDER, CUDA_PROVIDER, "CPUExecutionProvider"),
    memory_bytes=16 * GB,
    runtime_cuda=13,
    driver_cuda=(13, 2),
    gpus=(GPU,),
    tensorrt="10.16",
)


def but(**changes):
    return dataclasses.replace(WITH_GPU, **changes)


@pytest.mark.parametrize(
    ("setting", "target", "hardware", "name"),
    [
        ("auto", "cuda", WITH_GPU, "cuda"),
        ("cuda", "cuda", WITH_GPU, "cuda"),
        ("tensorrt", "cuda", WITH_GPU, "tensorrt"),
        ("auto", "cpu", WITH_GPU, "cpu"),
        ("auto", "cpu", CPU_ONLY, "cpu"),
        ("cpu", "cpu", WITH_GPU, "cpu"),
        ("auto", "cuda", but(tensorrt=None), "cuda"),  # TensorRT is taken only when asked for
        ("auto", "cuda", but(gpus=()), "cuda"),  # nobody can tell the memory
        ("auto", "cuda", but(driver_cuda=(14, 0)), "cuda"),
    ],
)
def test_what_is_usable_is_taken_without_a_word(setting, target, hardware, name):
    choice = choose_provider(setting, target, NEEDS, hardware)

    assert (choice.name, choice.notices) == (name, ())
    assert choice.may_fall_back == (name != "cpu" and setting == "auto")


PROBLEMS = {
    "the build": (
        but(providers=("CPUExecutionProvider",)),
        r'pip uninstall onnxruntime\n    pip install "coder-lsp\[cuda\]"',
    ),
    "no driver": (but(driver_cuda=None, gpus=()), "No NVIDIA driver was found. Install it"),
    "an old driver": (
        but(driver_cuda=(12, 8)),
        r"supports CUDA up to 12\.8; ONNX Runtime here needs CUDA 13\. Update the driver",
    ),
    "libraries": (
        but(missing_libraries=("libcublas.so.13", "libcublasLt.so.13")),
        r"libcublas\.so\.13, libcublasLt\.so\.13\. Run\n    pip install --force-reinstall",
    ),
    "memory": (
        but(gpus=(Gpu("NVIDIA Small", 12 * GB, 10 * GB),)),
        r"needs 11\.0 GB .* of the GPU's memory; 10\.0 GB of 12\.0 GB is free on NVIDIA Small",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("hardware", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_cuda_asked_for_and_not_to_be_had_is_refused_with_the_remedy(hardware, message):
    for setting in ("cuda", "tensorrt"):
        with pytest.raises(EngineError, match=message) as caught:
            choose_provider(setting, "cuda", NEEDS, hardware)
        assert str(caught.value).startswith(f"The setting providers asks for {setting}. ")
        assert "set 'providers' to 'cpu'" in str(caught.value)


@pytest.mark.parametrize(("hardware", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_auto_falls_back_to_the_cpu_and_says_why(hardware, message):
    choice = choose_provider("auto", "cuda", NEEDS, hardware)

    assert (choice.name, choice.may_fall_back) == ("cpu", False)
    with pytest.raises(EngineError, match=message):
        raise EngineError(choice.notices[0])
    assert choice.notices[0].startswith("Completions run on the CPU, not on the GPU")


def test_a_model_made_for_the_cpu_is_not_sent_to_the_gpu():
    with pytest.raises(EngineError, match=r"exported for the CPU.*--target cuda"):
        choose_provider("cuda", "cpu", NEEDS, WITH_GPU)


@pytest.mark.parametrize(
    ("hardware", "message"),
    [
        (but(tensorrt=None), r'was not found\. Run\n    pip install "tensorrt-cu13-libs>=10,<11"'),
        (but(tensorrt="11.1"), r"TensorRT 11\.1 was found; ONNX Runtime here works with 10 only"),
        (but(tensorrt="8.6"), r"TensorRT 8\.6 was found"),
        (but(providers=(CUDA_PROVIDER, "CPUExecutionProvider")), "has no TensorRT provider"),
    ],
)
def test_tensorrt_of_the_wrong_version_is_refused_with_the_remedy(hardware, message):
    with pytest.raises(EngineError, match=message) as caught:
        choose_provider("tensorrt", "cuda", NEEDS, hardware)
    assert "set 'providers' to 'cuda'" in str(caught.value).replace("Set", "set")


def test_a_model_larger_than_the_memory_is_refused_with_numbers():
    small = dataclasses.replace(CPU_ONLY, memory_bytes=8 * GB)

    for setting, target in (("auto", "cpu"), ("cpu", "cuda"), ("auto", "cuda")):
        with pytest.raises(EngineError, match=r"needs 11\.0 GB .* and 8\.0 GB is available"):
            choose_provider(setting, target, NEEDS, small)


def test_the_memory_of_the_cpu_does_not_matter_to_the_gpu():
    choice = choose_provider("auto", "cuda", NEEDS, but(memory_bytes=GB))

    assert choice == ProviderChoice("cuda", cache_bytes=10 * GB, may_fall_back=True)


def test_what_is_left_beside_the_weights_is_for_the_caches():
    assert choose_provider("auto", "cpu", NEEDS, CPU_ONLY).cache_bytes == 6 * GB
    tight = dataclasses.replace(CPU_ONLY, memory_bytes=NEEDS.total)
    assert choose_provider("auto", "cpu", NEEDS, tight).cache_bytes == NEEDS.cache
    assert choose_provider("auto", "cuda", NEEDS, but(gpus=())).cache_bytes is None


def test_a_gpu_model_on_the_cpu_by_order_is_told_to_be_slow():
    choice = choose_provider("cpu", "cuda", NEEDS, WITH_GPU)

    assert choice.name == "cpu"
    assert "--target cpu" in choice.notices[0]
