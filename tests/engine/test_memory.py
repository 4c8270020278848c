import dataclasses

import pytest

from coder_lsp.engine.cache.cache_tensors import CacheTensors
from coder_lsp.engine.device.memory import plan_memory
from coder_lsp.models.model_folder import ModelFolder


@pytest.fixture(scope="module")
def model(any_tiny_folder):
    return ModelFolder.read(any_tiny_folder)


def with_target(model, target):
    return dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, target=target))


def test_a_plan_is_made_of_the_manifest_alone(model):
    needs = plan_memory(model, 512)

    assert needs.weights == sum(entry.size for entry in model.manifest.files.values())
    assert needs.cache == 2 * 512 * CacheTensors.of(model.manifest.cache).token_bytes
    assert needs.total == needs.weights + needs.cache + needs.workspace


def test_longer_contexts_need_more_up_to_the_models_own_limit(model):
    limit = model.manifest.context_length

    assert plan_memory(model, 512).total < plan_memory(model, 1024).total
    assert plan_memory(model, 2 * limit) == plan_memory(model, limit)


def test_cuda_has_a_context_to_pay_for(model):
    on_cpu, on_gpu = (plan_memory(with_target(model, t), 512) for t in ("cpu", "cuda"))

    assert on_gpu.workspace > on_cpu.workspace
    assert (on_gpu.weights, on_gpu.cache) == (on_cpu.weights, on_cpu.cache)
