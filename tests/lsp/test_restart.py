"""Real servers, one after the other on the same cache folder."""

import asyncio

import pytest

from coder_lsp.child_client import start_child
from coder_lsp.engine.store.sequence_folder import SequenceFolder
from coder_lsp.paths import is_temporary, sequences_path
from tests.support.snapshots import snapshot_of

BODY = "".join(f"def f{i}(value):\n    return value + {i}\n\n\n" for i in range(8))
FILE = f"{BODY}def read(path):\n    with ‸\n\n\n{BODY}"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path))


@pytest.fixture
def uri(request):
    """A file beside the tests: what is in a temporary folder is kept nowhere."""
    folder = request.config.cache.mkdir("restart")
    if is_temporary(folder / "a.py"):
        pytest.skip("The tests themselves are in a temporary folder.")
    path = folder / "a.py"
    path.write_text(FILE.replace("‸", ""), encoding="utf-8")
    return path.as_uri()


async def ask(uri, settings):
    # The time budget is wide: on a busy machine the first answer would see a part of the file.
    async with start_child([], {"timeBudgetMs": 600_000, "maxNewTokens": 4, **settings}) as client:
        await client.wait_until_ready()
        document = snapshot_of(FILE, uri)
        client.open(document)
        completion = await client.complete(document)
    return completion.figures.usage


def check_restart(uri, most_new_tokens, num_files, **settings):
    asyncio.run(ask(uri, settings))
    usage = asyncio.run(ask(uri, settings))

    assert usage.num_prompt_tokens > 200
    assert usage.num_new_tokens <= most_new_tokens
    assert SequenceFolder(sequences_path(), 0).usage().num_files == num_files


def test_a_restarted_server_reads_what_the_one_before_computed(uri):
    check_restart(uri, most_new_tokens=1, num_files=1)


def test_without_the_disk_cache_nothing_is_written(uri):
    check_restart(uri, most_new_tokens=10_000, num_files=0, diskCache=False)


def test_of_an_untitled_document_nothing_is_written():
    check_restart("untitled:Untitled-1", most_new_tokens=10_000, num_files=0)
