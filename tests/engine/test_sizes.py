import re
from dataclasses import replace

import pytest

from coder_lsp.backends.local import LocalBackend
from coder_lsp.engine.cache.kv_cache import bytes_for
from coder_lsp.engine.device.memory import plan_memory
from coder_lsp.engine.device.sizes import (
    MAX_CONTEXT_TOKENS,
    MAX_TIME_BUDGET_MS,
    MIN_CACHE_BYTES,
    MIN_CONTEXT_TOKENS,
    MIN_TIME_BUDGET_MS,
    cache_bytes_for,
    context_for_memory,
    context_for_pace,
    time_budget_ms_for,
)
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.models.model_folder import GroupedLayout, ModelFolder
from coder_lsp.settings import Settings
from coder_lsp.tokenizer import Tokenizer

PLENTY = 1 << 50
GROUPED = GroupedLayout("gqa", num_layers=24, num_key_value_heads=2, head_dim=64, dtype="float32")


def like(folder, context_length=32_768, cache=GROUPED):
    return ModelFolder(
        folder.path, replace(folder.manifest, context_length=context_length, cache=cache)
    )


def test_the_models_own_context_is_the_limit(folder):
    assert context_for_memory(like(folder, 2048), PLENTY) == 2048
    assert context_for_memory(like(folder, 700), PLENTY) == 700
    assert context_for_memory(like(folder), PLENTY) == MAX_CONTEXT_TOKENS


def test_a_context_takes_a_part_of_the_memory_that_the_model_leaves(folder):
    model = like(folder)
    needs = plan_memory(model, 4096)
    room = needs.weights + needs.workspace + 4 * needs.cache

    assert context_for_memory(model, room) == 4096
    assert context_for_memory(model, room - 1) == 2048
    assert context_for_memory(model, 0) == MIN_CONTEXT_TOKENS


@pytest.mark.parametrize(
    ("tokens_per_second", "context_tokens"),
    [(10_000, 8192), (500, 4096), (250, 2048), (60, 1024), (5, 1024)],
)
def test_a_slow_machine_gets_a_window_that_it_computes_in_good_time(
    tokens_per_second, context_tokens
):
    assert context_for_pace(8192, 1 / tokens_per_second) == context_tokens
    assert context_for_pace(700, 1 / tokens_per_second) == 700


def test_caches_hold_several_documents_where_there_is_room(folder):
    manifest = like(folder).manifest
    document = 2 * bytes_for(GROUPED, 4096)

    assert cache_bytes_for(manifest, 4096, PLENTY) == 8 * document
    assert cache_bytes_for(manifest, 4096, 8 * document) == 2 * document
    assert cache_bytes_for(manifest, 4096, 0) == document
    assert cache_bytes_for(manifest, 4096, None) == max(MIN_CACHE_BYTES, document)


def test_a_model_with_a_small_cache_keeps_more_documents(folder):
    assert cache_bytes_for(folder.manifest, 2048, PLENTY) == MIN_CACHE_BYTES


@pytest.mark.parametrize(
    ("tokens_per_second", "milliseconds"),
    [(10_000, MIN_TIME_BUDGET_MS), (800, 640), (1, MAX_TIME_BUDGET_MS)],
)
def test_a_slow_machine_gets_more_time(tokens_per_second, milliseconds):
    assert time_budget_ms_for(1 / tokens_per_second, 0.5) == milliseconds


def test_sizes_that_are_left_open_are_chosen_and_reported(folder):
    chosen = LocalBackend.load(Settings(disk_cache=False)).stats()
    given = LocalBackend.load(
        Settings(disk_cache=False, context_tokens=512, cache_megabytes=64, time_budget_ms=900)
    ).stats()

    assert MIN_CONTEXT_TOKENS <= chosen["context_tokens"] <= folder.manifest.context_length
    assert chosen["cache_budget_bytes"] > 0
    assert MIN_TIME_BUDGET_MS <= chosen["time_budget_ms"] <= MAX_TIME_BUDGET_MS
    assert given["context_tokens"] == 512
    assert given["cache_budget_bytes"] == 64 << 20
    assert given["time_budget_ms"] == 900


def test_the_pace_is_measured_also_where_a_tokenizer_joins_newlines(tiny_folder, monkeypatch):
    encode = Tokenizer.encode
    monkeypatch.setattr(
        Tokenizer, "encode", lambda self, text: encode(self, re.sub(r"\n+", r"\n", text))
    )
    engine = Engine(ModelFolder.read(tiny_folder), EngineOptions(1))

    assert engine.seconds_per_token > 0
