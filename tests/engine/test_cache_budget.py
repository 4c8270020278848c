"""However little memory the settings give, a document's sequence survives its renewal."""

import pytest

from coder_lsp.cancellation import CancellationToken
from coder_lsp.engine.cache.kv_cache import bytes_for
from coder_lsp.engine.engine import Engine
from coder_lsp.engine.options import EngineOptions
from coder_lsp.models.model_folder import ModelFolder

PROMPT = list(range(5, 105))


@pytest.fixture
def engine(any_tiny_folder):
    options = EngineOptions(1, cache_bytes=1, context_tokens=200)
    return Engine(ModelFolder.read(any_tiny_folder), options)


def test_a_sequence_and_its_standby_are_kept(engine):
    for name, prompt in (("active", PROMPT), ("standby", PROMPT[::-1])):
        engine.prepare(name, prompt, CancellationToken())

    assert engine.cost(PROMPT, 0).num_missing == 0
    assert engine.cost(PROMPT[::-1], 0).num_missing == 0


def test_a_third_one_takes_the_place_of_the_least_recently_used(engine):
    for name, prompt in (("a", PROMPT), ("b", PROMPT[::-1]), ("c", PROMPT[50:])):
        engine.prepare(name, prompt, CancellationToken())

    assert engine.cost(PROMPT, 0).num_missing == len(PROMPT)
    assert engine.stats()["num_bytes"] == 2 * bytes_for(engine.manifest.cache, 200)
