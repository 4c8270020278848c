"""Opening with a double of ONNX Runtime, since what matters here happens where there is a GPU."""

import dataclasses
import sys

import pytest

from coder_lsp.engine.device import inference_session, runtime
from coder_lsp.engine.device.hardware import CUDA_PROVIDER, TENSORRT_PROVIDER, Hardware
from coder_lsp.engine.device.inference_session import open_session
from coder_lsp.engine.device.nvidia import Gpu
from coder_lsp.errors import EngineError
from coder_lsp.models.model_folder import ModelFolder

CPU_PROVIDER = "CPUExecutionProvider"
PLENTY = 10**12
WITH_GPU = Hardware(
    providers=(TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER),
    memory_bytes=PLENTY,
    runtime_cuda=13,
    driver_cuda=(13, 2),
    gpus=(Gpu("NVIDIA Test", PLENTY, PLENTY),),
    tensorrt="10.16",
)


class Options:
    def add_session_config_entry(self, key, value):
        pass


class RuntimeDouble:
    """An ONNX Runtime on which ``usable`` providers start, and the others fail or are left out."""

    __version__ = "1.31.1"
    SessionOptions = Options

    def __init__(self, usable, fails_loudly):
        self.usable = usable
        self.fails_loudly = fails_loudly
        self.opened = []
        self.num_preloads = 0

    def preload_dlls(self):
        self.num_preloads += 1
        sys.stdout.write("a word of ONNX Runtime")

    def InferenceSession(self, path, options, providers, enable_fallback):  # noqa: N802 (the library's name)
        assert enable_fallback == 0
        self.opened.append(providers)
        names = [name for name, _ in providers]
        if self.fails_loudly and names[0] not in self.usable:
            raise RuntimeError("CUDA out of memory")
        return Session([name for name in names if name in self.usable])


class Session:
    def __init__(self, providers):
        self.get_providers = lambda: providers


@pytest.fixture
def folder(tiny_folder):
    folder = ModelFolder.read(tiny_folder)
    manifest = dataclasses.replace(folder.manifest, target="cuda")
    return dataclasses.replace(folder, manifest=manifest)


@pytest.fixture
def opening(folder, tmp_path, monkeypatch):
    """Open the folder on a machine with a GPU; return what was opened, and the double."""

    def run(setting, usable=(TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER), *, loudly=True):
        double = RuntimeDouble(usable, loudly)
        monkeypatch.setattr(runtime, "load_onnxruntime", lambda: double)
        monkeypatch.setattr(inference_session, "inspect_hardware", lambda: WITH_GPU)
        return open_session(folder, 1, setting, 512, tmp_path / "tensorrt"), double

    return run


def names(double):
    return [[name for name, _ in providers] for providers in double.opened]


def test_the_gpu_is_offered_each_node_first_and_the_cpu_what_it_leaves(opening):
    opened, double = opening("auto")

    assert (opened.choice.name, opened.device) == ("cuda", "cuda")
    assert names(double) == [[CUDA_PROVIDER, CPU_PROVIDER]]
    assert dict(double.opened[0])[CUDA_PROVIDER]["arena_extend_strategy"] == "kSameAsRequested"


def test_libraries_are_loaded_first_and_nothing_is_printed_where_the_editor_listens(
    opening, capsys
):
    _, double = opening("auto")

    assert double.num_preloads == 1
    assert capsys.readouterr().out == ""


def test_tensorrt_keeps_its_engines_and_timings_in_the_users_cache(opening, tmp_path):
    opened, double = opening("tensorrt")
    options = dict(double.opened[0])[TENSORRT_PROVIDER]

    assert (opened.choice.name, opened.device) == ("tensorrt", "cuda")
    assert names(double) == [[TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER]]
    assert options["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    assert options["trt_timing_cache_path"] == str(tmp_path / "tensorrt")
    assert (options["trt_engine_cache_enable"], options["trt_timing_cache_enable"]) == ("1", "1")
    assert (tmp_path / "tensorrt").is_dir()
    if sys.platform != "win32":
        assert (tmp_path / "tensorrt").stat().st_mode & 0o777 == 0o700


def test_a_folder_for_engines_that_cannot_be_made_is_told(opening, tmp_path):
    (tmp_path / "tensorrt").write_text("a file stands here")

    with pytest.raises(EngineError, match="engines cannot be kept in"):
        opening("tensorrt")


@pytest.mark.parametrize("loudly", [True, False])
def test_a_gpu_that_fails_after_all_is_fallen_back_from_once_and_told(opening, loudly):
    opened, double = opening("auto", usable=[CPU_PROVIDER], loudly=loudly)
    reason = "CUDA out of memory" if loudly else f"could not start {CUDA_PROVIDER}"

    assert (opened.choice.name, opened.device) == ("cpu", "cpu")
    assert names(double) == [[CUDA_PROVIDER, CPU_PROVIDER], [CPU_PROVIDER]]
    [notice] = opened.choice.notices
    assert notice.startswith("Completions run on the CPU, not on the GPU")
    assert reason in notice


@pytest.mark.parametrize("setting", ["cuda", "tensorrt"])
def test_an_order_that_fails_is_an_error(opening, setting):
    with pytest.raises(EngineError, match=r"could not start \w+ and used CPUExecutionProvider"):
        opening(setting, usable=[CPU_PROVIDER], loudly=False)
    with pytest.raises(EngineError, match="CUDA out of memory"):
        opening(setting, usable=[CPU_PROVIDER], loudly=True)


def test_a_cpu_model_asks_no_gpu(folder, tmp_path, monkeypatch):
    def ask():
        raise AssertionError("looking for a GPU takes time")

    monkeypatch.setattr(inference_session, "inspect_hardware", ask)
    manifest = dataclasses.replace(folder.manifest, target="cpu")
    opened = open_session(dataclasses.replace(folder, manifest=manifest), 1, "auto", 512, tmp_path)

    assert (opened.choice.name, opened.choice.notices) == ("cpu", ())
    assert opened.session.get_providers() == [CPU_PROVIDER]
