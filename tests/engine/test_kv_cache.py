"""Whatever is done to a cache, the rows of the tokens it holds are those that were put in."""

import numpy as np
import pytest

from coder_lsp.engine.cache import kv_cache
from coder_lsp.engine.cache.cache_buffers import DeviceBuffers
from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.cache.kv_cache import CAPACITY_STEP, bytes_for
from coder_lsp.engine.model_runner import ModelRunner
from coder_lsp.models.model_folder import ModelFolder

TOKEN_IDS = list(range(40))


@pytest.fixture(scope="module")
def model(any_tiny_folder):
    return ModelFolder.read(any_tiny_folder)


@pytest.fixture(scope="module")
def runner(model):
    return ModelRunner(model, 1)


@pytest.fixture
def rows(model):
    num_tensors, num_heads, _, width = CacheTensors.of(model.manifest.cache).rows_shape
    shape = (num_tensors, num_heads, len(TOKEN_IDS), width)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.fixture(params=["host", "device"])
def cache(request, runner, rows, monkeypatch):
    """On the host, whose memory ONNX Runtime shares, and as on a device, where it copies."""
    if request.param == "device":
        monkeypatch.setattr(kv_cache, "allocate", on_device)
    cache = runner.create_cache(len(TOKEN_IDS))
    cache.append_rows(TOKEN_IDS, rows)
    return cache


def on_device(tensors, capacity, device):
    return DeviceBuffers(tensors, capacity, device)


def check_rows(cache, expected):
    num_tokens = expected.shape[2]

    assert list(cache.token_ids) == TOKEN_IDS[:num_tokens]
    assert np.array_equal(cache.rows(0, num_tokens), expected)


def test_rows_come_out_as_they_went_in(cache, rows):
    check_rows(cache, rows)


def test_a_part_of_the_rows(cache, rows):
    assert np.array_equal(cache.rows(7, 19), rows[:, :, 7:19])


def test_more_room_keeps_the_rows(cache, rows):
    cache.reserve(3 * CAPACITY_STEP)

    check_rows(cache, rows)


def test_a_fork_has_the_beginning_and_is_a_copy(cache, rows):
    fork = cache.fork(25, 2 * CAPACITY_STEP)
    fork.trim(20)
    fork.append_rows(TOKEN_IDS[5:25], 1 - rows[:, :, 5:25])

    assert np.array_equal(fork.rows(0, 5), rows[:, :, :5])
    assert np.array_equal(fork.rows(5, 25), 1 - rows[:, :, 5:25])
    check_rows(cache, rows)


def test_trimmed_rows_are_written_anew(cache, rows):
    cache.trim(30)
    cache.append_rows(TOKEN_IDS[10:12], 1 - rows[:, :, 10:])

    assert cache.offset == 12
    assert np.array_equal(cache.rows(0, 12)[:, :, :10], rows[:, :, :10])
    assert np.array_equal(cache.rows(10, 12), 1 - rows[:, :, 10:12])


def test_bytes_are_known_before_there_is_a_cache(model, runner):
    assert runner.create_cache(300).nbytes == bytes_for(model.manifest.cache, 300)
