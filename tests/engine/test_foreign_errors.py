"""Whatever a library raises on the way to a completion is one of our own errors.

The libraries' exceptions are found by walking the packages, so that a new one is not forgotten.
"""

import inspect

import filelock
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache import cache_buffers, kv_cache
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.device import runtime
from coder_lsp.engine.device.runtime import create_inference_session
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.engine.options import EngineOptions
from coder_lsp.errors import Cancelled, EngineError, OutOfMemory
from coder_lsp.generation import GenerationOptions
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.usage.usage_file import UsageFile

PROMPT = list(range(5, 45))
MESSAGES = {
    "CUDA error: out of memory": OutOfMemory,
    "Failed to allocate memory for requested buffer of size 67108864": OutOfMemory,
    "std::bad_alloc": OutOfMemory,
    "Non-zero status code returned while running MatMulNBits": EngineError,
}


def exceptions_of(module):
    found = [e for _, e in inspect.getmembers(module, inspect.isclass) if issubclass(e, Exception)]
    assert found
    return found


RUNTIME_ERRORS = [*exceptions_of(onnxruntime_pybind11_state), RuntimeError, ValueError, TypeError]


@pytest.fixture
def engine(any_tiny_folder):
    return Engine(ModelFolder.read(any_tiny_folder), EngineOptions(1, lookup="off"))


def generate(engine, **options):
    options = GenerationOptions(max_new_tokens=3, **options)
    return list(engine.generate("a", PROMPT, options, CancellationToken()))


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


PLACES = [
    (cache_buffers.HostBuffers, "__init__"),
    (cache_buffers.HostBuffers, "read"),
    (cache_buffers.HostBuffers, "write"),
    (CacheTensors, "zeros"),
    (kv_cache.KVCache, "bind"),
]


@pytest.mark.parametrize("error", [MemoryError(), *(RuntimeError(text) for text in MESSAGES)])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0].__name__}.{place[1]}")
def test_memory_that_does_not_suffice_is_an_error_of_the_engine(
    any_tiny_folder, monkeypatch, place, error
):
    runner = ModelRunner(ModelFolder.read(any_tiny_folder), 1)
    cache = runner.create_cache(256)
    runner.run(cache, PROMPT, CancellationToken())
    rows = cache.rows(0, 1)
    expected = MESSAGES.get(str(error), OutOfMemory)

    with monkeypatch.context() as context:
        context.setattr(*place, failing(error))
        caught = []
        for work in (
            lambda: runner.create_cache(1),
            lambda: cache.fork(20, 256),
            lambda: cache.reserve(1000),
            lambda: cache.rows(0, 3),
            lambda: cache.append_rows([1], rows),
            lambda: runner.run(cache, [1] * 300, CancellationToken()),
        ):
            try:
                work()
            except EngineError as exc:
                caught.append(exc)

    assert caught
    assert all(type(exc) is expected for exc in caught)


@pytest.mark.parametrize("kind", RUNTIME_ERRORS)
@pytest.mark.parametrize("message", MESSAGES)
def test_every_exception_of_onnx_runtime_is_translated(engine, monkeypatch, kind, message):
    monkeypatch.setattr(engine._runner, "_session", FailingSession(engine, kind(message)))

    with pytest.raises(EngineError, match=r"memory|run") as caught:
        generate(engine)
    assert type(caught.value) is MESSAGES[message]


class FailingSession:
    def __init__(self, engine, error):
        self._session, self._error = engine._runner._session, error

    def io_binding(self):
        return self._session.io_binding()

    def run_with_iobinding(self, *_):
        raise self._error


def test_a_run_that_was_cancelled_is_no_error(engine, monkeypatch):
    cancelled = CancellationToken()
    error = onnxruntime_pybind11_state.Fail("Exiting due to terminate flag being set to true.")
    session = FailingSession(engine, error)
    monkeypatch.setattr(engine._runner, "_session", session)
    monkeypatch.setattr(session, "run_with_iobinding", lambda *_: (cancelled.cancel(), 1 / 0))

    with pytest.raises(Cancelled):
        engine._runner.run(engine._runner.create_cache(8), [1], cancelled)


def test_after_memory_was_short_nothing_of_other_sequences_takes_any(engine, monkeypatch):
    engine.prepare("b", PROMPT[::-1], CancellationToken())
    with monkeypatch.context() as context:
        context.setattr(engine._prefix_cache, "_create", failing(OutOfMemory("short")))
        with pytest.raises(OutOfMemory):
            generate(engine)

    assert engine.stats()["num_bytes"] == 0
    assert generate(engine)


@pytest.mark.parametrize("num_threads", [10**10, -(10**10), "many", None])
def test_a_number_of_threads_that_is_none_is_an_error_of_the_engine(any_tiny_folder, num_threads):
    with pytest.raises(EngineError):
        create_inference_session(ModelFolder.read(any_tiny_folder).graph_path, num_threads)


@pytest.mark.parametrize("number", [511, 512, 9000])
def test_more_alternatives_than_tokens_are_all_that_there_are(engine, number):
    chunks = generate(engine, num_branches=number)

    assert len(chunks[1].branches) <= engine.manifest.num_generable_ids


@pytest.mark.parametrize("kind", [e for e in exceptions_of(filelock) if e is not filelock.Timeout])
def test_the_locks_other_exceptions_are_told_apart_by_the_library(kind):
    """All of them are of the kinds that are caught where a lock is taken, or misuse of it."""
    assert issubclass(kind, OSError | RuntimeError | TypeError | ValueError | Warning)


def test_a_lock_that_is_held_for_too_long_is_an_oserror(tmp_path, monkeypatch):
    monkeypatch.setattr("coder_lsp.usage.usage_file._LOCK_SECONDS", 0.01)
    path = tmp_path / "usage.json"
    with filelock.FileLock(path.with_suffix(".lock")), pytest.raises(OSError, match="lock"):
        UsageFile(path).add([])


def test_translating_leaves_our_own_errors_alone():
    with pytest.raises(Cancelled), runtime.translating("Nothing could be done"):
        raise Cancelled
