"""The driver's answers, played by doubles of its programs and libraries; no GPU is needed."""

import sys
import types

import pytest

from coder_lsp.engine.device import nvidia
from coder_lsp.engine.device.nvidia import Gpu, find_gpus, parse_smi, tensorrt_version

MIB = 1 << 20


def test_each_line_of_nvidia_smi_is_a_gpu():
    output = "NVIDIA GeForce RTX 4090, 24564, 22000\nOdd, name, 8192, 100\n"

    assert parse_smi(output) == (
        Gpu("NVIDIA GeForce RTX 4090", 24564 * MIB, 22000 * MIB),
        Gpu("Odd, name", 8192 * MIB, 100 * MIB),
    )


@pytest.mark.parametrize("output", ["", "\n", "NVIDIA Thor, [N/A], [N/A]", "No devices were found"])
def test_a_gpu_without_numbers_is_left_out(output):
    assert parse_smi(output) == ()


class Nvml(types.ModuleType):
    """What the driver says by NVML, or why it does not."""

    class NVMLError(Exception):
        pass

    def __init__(self, fails_at):
        super().__init__("pynvml")
        self.fails_at = fails_at
        self.is_open = False

    def _call(self, name):
        if self.fails_at == name:
            raise self.NVMLError

    def nvmlInit(self):  # noqa: N802 (the library's name)
        self._call("init")
        self.is_open = True

    def nvmlShutdown(self):  # noqa: N802 (the library's name)
        self.is_open = False

    def nvmlDeviceGetCount(self):  # noqa: N802 (the library's name)
        self._call("count")
        return 1

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802 (the library's name)
        return index

    def nvmlDeviceGetName(self, handle):  # noqa: N802 (the library's name)
        return "NVIDIA Test"

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802 (the library's name)
        self._call("memory")
        return types.SimpleNamespace(total=24 * MIB, free=20 * MIB)


@pytest.mark.parametrize("fails_at", [None, "init", "count", "memory"])
def test_nvml_is_asked_first_and_closed_whatever_it_says(fails_at, monkeypatch):
    nvml = Nvml(fails_at)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(nvidia.shutil, "which", lambda program: None)

    assert find_gpus() == (() if fails_at else (Gpu("NVIDIA Test", 24 * MIB, 20 * MIB),))
    assert not nvml.is_open


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
@pytest.mark.parametrize(
    ("script", "found"),
    [("echo 'NVIDIA Test, 24, 20'", (Gpu("NVIDIA Test", 24 * MIB, 20 * MIB),)), ("exit 9", ())],
)
def test_nvidia_smi_is_asked_where_nvml_is_not_installed(script, found, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_gpus() == found


class Library:
    """A shared library whose functions are given."""

    def __init__(self, **functions):
        self.__dict__.update(functions)


def load_from(libraries, monkeypatch):
    monkeypatch.setattr(nvidia, "_IS_WINDOWS", False)
    monkeypatch.setattr(nvidia, "_load", libraries.get)


def driver_with(status, version):
    def answer(reference):
        reference._obj.value = version
        return status

    return Library(cuDriverGetVersion=answer)


def test_the_driver_tells_the_newest_cuda_it_can_do(monkeypatch):
    load_from({"libcuda.so.1": driver_with(0, 13020)}, monkeypatch)
    assert nvidia.driver_cuda() == (13, 2)

    load_from({"libcuda.so.1": driver_with(100, 0)}, monkeypatch)
    assert nvidia.driver_cuda() is None

    load_from({}, monkeypatch)
    assert nvidia.driver_cuda() is None


def test_libraries_that_cannot_be_loaded_are_named(monkeypatch):
    load_from({"libcudart.so.13": Library(), "libcublas.so.12": Library()}, monkeypatch)

    assert nvidia.missing_libraries(13) == ("libcublas.so.13", "libcublasLt.so.13")


def tensorrt(number):
    return Library(getInferLibVersion=lambda: number)


@pytest.mark.parametrize(
    ("libraries", "version"),
    [
        ({"libnvinfer.so.10": tensorrt(101303)}, "10.13"),
        ({"libnvinfer.so.11": tensorrt(110100)}, "11.1"),
        ({"libnvinfer.so.11": tensorrt(110100), "libnvinfer.so.10": tensorrt(100900)}, "10.9"),
        ({"libnvinfer.so.10": Library()}, "10"),
        ({}, None),
    ],
)
def test_tensorrt_is_found_in_any_version_and_the_right_one_first(libraries, version, monkeypatch):
    load_from(libraries, monkeypatch)

    assert tensorrt_version() == version


def test_tensorrt_is_found_in_its_wheel(tmp_path, monkeypatch):
    wheel = tmp_path / "tensorrt_libs"
    wheel.mkdir()
    (wheel / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    load_from({str(wheel / "libnvinfer.so.10"): tensorrt(101600)}, monkeypatch)

    assert tensorrt_version() == "10.16"


def test_what_is_no_library_is_not_loaded(tmp_path):
    path = tmp_path / "library.so"
    path.write_text("no library")

    assert nvidia._load(str(path)) is None
