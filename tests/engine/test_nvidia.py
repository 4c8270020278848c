"""The driver's answers, played by doubles of its programs and libraries; no GPU is needed."""

import os
import sys
import types

import pytest

from coder_lsp.engine.device import nvidia
from coder_lsp.engine.device.nvidia import Gpu, find_gpus, find_smi, parse_smi, tensorrt_version

MIB = 1 << 20


def test_each_line_of_nvidia_smi_is_a_gpu():
    output = (
        "NVIDIA GeForce RTX 4090, 24564, 22000, 00000000:01:00.0\n"
        "Odd, name, 8192, 100, 00000000:41:00.0\n"
    )

    assert parse_smi(output) == (
        Gpu("NVIDIA GeForce RTX 4090", 24564 * MIB, 22000 * MIB, "00000000:01:00.0"),
        Gpu("Odd, name", 8192 * MIB, 100 * MIB, "00000000:41:00.0"),
    )


@pytest.mark.parametrize(
    "output", ["", "\n", "NVIDIA Thor, [N/A], [N/A], [N/A]", "No devices were found"]
)
def test_a_gpu_without_numbers_is_left_out(output):
    assert parse_smi(output) == ()


class Nvml(types.ModuleType):
    """What the driver says by NVML, or why it does not."""

    class NVMLError(Exception):
        pass

    def __init__(self, fails_at=None, bus_ids=("00000000:01:00.0",)):
        super().__init__("pynvml")
        self.fails_at = fails_at
        self.bus_ids = bus_ids
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
        return len(self.bus_ids)

    def nvmlDeviceGetPciInfo(self, handle):  # noqa: N802 (the library's name)
        return types.SimpleNamespace(busId=self.bus_ids[handle].encode())

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802 (the library's name)
        return index

    def nvmlDeviceGetName(self, handle):  # noqa: N802 (the library's name)
        return "NVIDIA Test"

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802 (the library's name)
        self._call("memory")
        return types.SimpleNamespace(total=24 * MIB, free=20 * MIB)


@pytest.fixture(autouse=True)
def no_programs(monkeypatch):
    """The machine of the tests may have a driver; only what a test gives is found."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(nvidia, "_first_bus_id", lambda: None)


@pytest.mark.parametrize("fails_at", [None, "init", "count", "memory"])
def test_nvml_is_asked_first_and_closed_whatever_it_says(fails_at, monkeypatch):
    nvml = Nvml(fails_at)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    gpu = Gpu("NVIDIA Test", 24 * MIB, 20 * MIB, "00000000:01:00.0")

    assert find_gpus() == (() if fails_at else (gpu,))
    assert not nvml.is_open


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("0000:41:00.0", ["41", "01", "a1"]),
        ("0000:A1:00.0", ["a1", "01", "41"]),
        ("0000:01:00.0", ["01", "41", "a1"]),
        ("0000:02:00.0", ["01", "41", "a1"]),
        ("damaged", ["01", "41", "a1"]),
        (None, ["01", "41", "a1"]),
    ],
)
def test_the_gpu_that_cuda_takes_comes_first(monkeypatch, first, expected):
    """CUDA_VISIBLE_DEVICES and CUDA's own order mean nothing to NVML."""
    nvml = Nvml(bus_ids=[f"00000000:{number}:00.0" for number in ("01", "41", "a1")])
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(nvidia, "_first_bus_id", lambda: first)

    assert [gpu.bus_id.split(":")[1] for gpu in find_gpus()] == expected


def make_smi(folder, script="exit 9", name="nvidia-smi"):
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
@pytest.mark.parametrize(
    ("script", "found"),
    [
        (
            "echo 'NVIDIA Test, 24, 20, 0:1:0.0'",
            (Gpu("NVIDIA Test", 24 * MIB, 20 * MIB, "0:1:0.0"),),
        ),
        ("exit 9", ()),
    ],
)
def test_nvidia_smi_is_asked_where_nvml_is_not_installed(script, found, tmp_path, monkeypatch):
    make_smi(tmp_path, script)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_gpus() == found


@pytest.mark.parametrize("search", ["", ".", "bin", "./bin", ":bin:.", "..{}"])
def test_the_open_folder_chooses_no_program(tmp_path, monkeypatch, search):
    for name in ("nvidia-smi", "nvidia-smi.exe", "nvidia-smi.bat"):
        make_smi(tmp_path / "bin", name=name)
        make_smi(tmp_path, name=name)
    monkeypatch.chdir(tmp_path)
    search = search.replace(":", os.pathsep).format(f"{os.sep}{tmp_path.name}")

    assert find_smi(search, None) is None
    assert find_smi(search, "") is None
    assert find_smi(search, str(tmp_path / "windows")) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", search)
    assert find_gpus() == ()


def test_the_systems_own_program_comes_first_on_windows(tmp_path):
    path = tmp_path / "path"
    found = make_smi(path, name="nvidia-smi.exe")
    assert find_smi(str(path), str(tmp_path)) == found

    own = make_smi(tmp_path / "System32", name="nvidia-smi.exe")
    assert find_smi(str(path), str(tmp_path)) == own


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


class Driver:
    """What of the driver's library says which GPU is CUDA's first."""

    def __init__(self, fails_at=None):
        self.fails_at = fails_at

    def cuInit(self, flags):  # noqa: N802 (the library's name)
        return self.fails_at == "init"

    def cuDeviceGet(self, device, number):  # noqa: N802 (the library's name)
        device._obj.value = 7 + number
        return 100 if self.fails_at == "device" else 0

    def cuDeviceGetPCIBusId(self, text, size, device):  # noqa: N802 (the library's name)
        assert (size, device.value) == (32, 7)
        text.value = b"0000:41:00.0"
        return self.fails_at == "bus"


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (Driver(), "0000:41:00.0"),
        *((Driver(fails_at), None) for fails_at in ("init", "device", "bus")),
        (None, None),
    ],
)
def test_cudas_first_gpu_is_asked_of_the_driver(monkeypatch, driver, expected):
    monkeypatch.undo()
    monkeypatch.setattr(nvidia, "_load", lambda name: driver)

    assert nvidia._first_bus_id() == expected
