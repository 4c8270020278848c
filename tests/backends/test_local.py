"""The embedded model behind the anchored prompt: what a keystroke costs, counted in tokens."""

import threading
from contextlib import contextmanager

import pytest

from coder_lsp.backends.local import LocalBackend
from coder_lsp.cancellation import CancellationToken
from coder_lsp.generation import GenerationOptions
from coder_lsp.request import Request
from coder_lsp.settings import Settings
from tests.support.snapshots import snapshot_of

FILE = '''import json


def read(path):
    """Read a file of JSON."""
    with open(path) as file:
        return json.load(file)


def write(path, value):
    ‸


def main():
    value = read("a.json")
    write("b.json", value)
'''


@pytest.fixture(scope="module")
def backend():
    # The time budget is wide: on a busy machine the first answer would see a part of the file.
    return LocalBackend.load(Settings(threads=2, disk_cache=False, time_budget_ms=60_000))


@pytest.fixture(autouse=True)
def empty(backend):
    yield
    for uri in ("file:///a.py", "file:///b.py", "file:///c.py"):
        backend.forget(uri)


def complete(backend, text, uri="file:///a.py", cancellation=None, **options):
    options.setdefault("max_new_tokens", 8)
    request = Request(snapshot_of(text, uri), GenerationOptions(**options))
    return list(backend.stream(request, cancellation or CancellationToken()))


def check_num_new(backend, text, most, uri="file:///a.py"):
    usage = complete(backend, text, uri)[-1].usage

    assert usage.num_prompt_tokens > 60
    assert usage.num_new_tokens <= most


def test_a_second_identical_request_computes_one_token(backend):
    complete(backend, FILE)

    check_num_new(backend, FILE, most=1)


def test_typing_on_computes_what_was_typed(backend):
    complete(backend, FILE)

    for typed in ("w", "wi", "wit", "with", "with ", "with o", "with"):
        check_num_new(backend, FILE.replace("‸", f"{typed}‸"), most=2)


def test_closers_of_the_editor_cost_nothing(backend):
    complete(backend, FILE.replace("‸", "f‸"))

    check_num_new(backend, FILE.replace("‸", "f(‸)"), most=1)


def test_a_stranger_takes_nothing_of_a_document_that_shares_only_bos(backend):
    complete(backend, FILE)
    usage = complete(backend, "x = [1,‸]\n" * 1, "file:///b.py")[-1].usage

    assert usage.num_cached_tokens == 0


def test_a_copy_of_a_document_takes_what_it_shares(backend):
    complete(backend, FILE)

    check_num_new(backend, FILE, most=1, uri="file:///b.py")
    check_num_new(backend, FILE, most=1)


def test_forgetting_frees(backend):
    complete(backend, FILE)
    complete(backend, FILE, "file:///b.py")
    assert backend.stats()["num_sequences"] == 2

    backend.forget("file:///a.py")
    backend.forget("file:///b.py")

    assert backend.stats()["num_sequences"] == 0
    assert backend.stats()["num_bytes"] == 0


def test_preparing_ahead_leaves_one_token(backend):
    request = Request(snapshot_of(FILE), GenerationOptions())
    backend.prepare(request, CancellationToken())

    check_num_new(backend, FILE, most=1)


def check_cancelled(chunks):
    assert [chunk.finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finish_reason == "cancelled"


def test_cancelled_before_it_starts(backend):
    token = CancellationToken()
    token.cancel()
    chunks = complete(backend, FILE, cancellation=token)

    check_cancelled(chunks)
    assert chunks[-1].usage.num_new_tokens == 0


def test_what_a_prompt_costs_is_told_before_it_is_computed(backend):
    request = Request(snapshot_of(FILE), GenerationOptions())
    stream = backend.stream(request, CancellationToken())
    first = next(stream)
    stream.close()

    assert (first.text, first.usage.num_generated_tokens) == ("", 0)
    assert first.usage.num_new_tokens > 20
    assert backend.stats()["num_tokens"] == 0  # nothing has been computed yet


def test_cancelled_while_it_decodes(backend):
    token = CancellationToken()
    request = Request(snapshot_of(FILE), GenerationOptions(max_new_tokens=500))
    chunks = []
    for chunk in backend.stream(request, token):
        chunks.append(chunk)
        if len(chunks) == 3:
            token.cancel()

    check_cancelled(chunks)
    assert len(chunks) == 4


class CancelledInARun(CancellationToken):
    """Cancelled from another thread while the graph runs for the first time."""

    @contextmanager
    def interrupting(self, callback):
        thread = threading.Thread(target=self.cancel)
        with super().interrupting(callback):
            thread.start()
            yield
            thread.join()


def test_cancelled_in_the_middle_of_the_graph(backend):
    text = "".join(f"value_{i} = {i}\n" for i in range(2000)) + "‸"

    check_cancelled(complete(backend, text, cancellation=CancelledInARun()))
    assert complete(backend, text)[-1].finish_reason != "cancelled"


def test_the_limit_and_the_counts(backend):
    chunks = complete(backend, FILE, max_new_tokens=4)
    usage = chunks[-1].usage

    assert usage.num_generated_tokens <= 4
    assert sum(len(chunk.logprobs) for chunk in chunks) == usage.num_generated_tokens
    assert all(logprob <= 0 for chunk in chunks for logprob in chunk.logprobs)
    assert {chunk.usage.num_prompt_tokens for chunk in chunks} == {usage.num_prompt_tokens}


def test_stop_strings_end_the_text(backend):
    whole = "".join(c.text for c in complete(backend, FILE, max_new_tokens=30))
    stop = whole[5:8]

    chunks = complete(backend, FILE, max_new_tokens=30, stop_strings=(stop,))

    assert "".join(chunk.text for chunk in chunks) == whole[: whole.index(stop)]
    assert chunks[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    "text",
    ["‸", "a\r\nb‸\r\nc\r\n", "x" * 200_000 + "‸" + "y" * 200_000, "<｜fim▁hole｜>‸<｜fim▁end｜>"],
    ids=["empty", "crlf", "minified", "literal FIM tokens"],
)
def test_unusual_documents_are_completed(backend, text):
    chunks = complete(backend, text, "file:///c.py")

    assert chunks[-1].finish_reason in ("stop", "length")


@pytest.mark.parametrize("typed", ["wi", "wit", "with", "with ", "with op", "with open("])
def test_what_is_typed_is_healed_and_not_shown_twice(backend, typed):
    """The healed completion goes on as if the model had written the typed text by itself."""
    whole = "".join(c.text for c in complete(backend, FILE.replace("‸", "with‸")))
    chunks = complete(backend, FILE.replace("‸", f"{typed}‸"), max_new_tokens=12)
    text = "".join(chunk.text for chunk in chunks)

    assert whole.startswith(" open(")
    assert (typed + text).startswith("with open(")


def test_preparing_again_costs_nothing_and_leaves_what_was_generated(backend):
    complete(backend, FILE, max_new_tokens=8)
    held = backend.stats()["num_tokens"]

    assert (
        backend.prepare(Request(snapshot_of(FILE), GenerationOptions()), CancellationToken()) == 0
    )
    assert backend.stats()["num_tokens"] == held


def test_a_renewed_anchor_is_swapped_in_when_it_is_complete(backend):
    typed = "".join(f"x{i} = {i}\n    " for i in range(10))
    text = FILE.replace("‸", f"{typed}‸")
    complete(backend, FILE)
    complete(backend, text)
    request = Request(snapshot_of(text), GenerationOptions(max_new_tokens=8))
    cancelled = CancellationToken()
    cancelled.cancel()

    assert backend.prepare(request, cancelled) == 0
    check_num_new(backend, text, most=1)  # the worn anchor is still the one that is used
    assert backend.prepare(request, CancellationToken()) > 20
    check_num_new(backend, text, most=1)
    assert backend.prepare(request, CancellationToken()) == 0


def test_a_prompt_that_would_take_too_long_is_answered_from_a_part_of_it():
    """As on a slow machine: nobody waits for a prompt, and idle time computes the whole of it."""
    backend = LocalBackend.load(Settings(threads=2, time_budget_ms=1))
    text = "".join(f"value_{i} = {i}\n" for i in range(100)) + "‸"
    request = Request(snapshot_of(text), GenerationOptions(max_new_tokens=8))

    first = complete(backend, text)[-1].usage
    assert first.num_prompt_tokens <= 64
    shares: list[float] = []
    assert backend.prepare(request, CancellationToken(), shares.append) > 300
    assert shares == sorted(shares)
    assert shares[-1] == 1
    second = complete(backend, text)[-1].usage
    assert second.num_prompt_tokens > 300
    assert second.num_new_tokens <= 1


LANGUAGES = {
    "Chinese": "# 计算两个数字的总和并返回结果\n# 计算两个数字的总和‸\n",
    "Russian": "# Возвращает сумму двух чисел\n# Возвращает сумму‸\n",
    "Arabic": "# تعيد مجموع رقمين\n# تعيد مجموع‸\n",
    "emoji": "# 👩‍👩‍👧 🎉 👍🏽 🇩🇪\n# 👩‍👩‍👧 🎉‸\n",
    "what was damaged before": "# a � b � c �\n# a � b‸\n",
}


@pytest.mark.parametrize("max_new_tokens", [1, 2, 3, 5])
@pytest.mark.parametrize("text", LANGUAGES.values(), ids=list(LANGUAGES))
def test_no_half_character_is_ever_shown(backend, text, max_new_tokens):
    start = text.replace("‸", "")
    for cut in range(max_new_tokens, text.index("‸"), 5):
        chunks = complete(
            backend, f"{start[:cut]}‸{start[cut:]}", max_new_tokens=max_new_tokens, num_branches=3
        )
        branches = [branch for chunk in chunks for branch in chunk.branches][:2]
        for branch in branches:
            request = Request(
                snapshot_of(f"{start[:cut]}‸{start[cut:]}"),
                GenerationOptions(max_new_tokens),
                branch=branch,
            )
            chunks += backend.stream(request, CancellationToken())

        assert not any("�" in chunk.text for chunk in chunks)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"context_tokens": 512, "max_new_tokens": 512}, 256),
        ({"context_tokens": 128, "max_new_tokens": 65}, 64),
        ({"max_new_tokens": 4096}, 1024),
        ({"context_tokens": 100_000, "max_new_tokens": 4096}, 1024),
        ({"context_tokens": 512, "max_new_tokens": 256}, None),
        ({}, None),
    ],
)
def test_a_completion_that_the_context_has_no_room_for_is_a_notice(settings, limit):
    notices = LocalBackend.load(Settings(threads=2, disk_cache=False, **settings)).notices

    if limit is None:
        assert notices == ()
    else:
        (notice,) = notices
        for words in (f"{settings['max_new_tokens']}", f"{limit} tokens", "coder-lsp.maxNewTokens"):
            assert words in notice


LONG_FILE = "".join(f"value_{i} = compute(alpha, beta, gamma)\n" for i in range(400))
LONG = f"{LONG_FILE}result = ‸\n{LONG_FILE}"


def slow_backend(**settings):
    return LocalBackend.load(Settings(threads=2, time_budget_ms=60_000, **settings))


@pytest.mark.parametrize("raised", [1024, 4096])
def test_after_more_new_tokens_are_allowed_an_old_anchor_makes_way(raised):
    """It holds more of the document than the completion leaves room for."""
    backend = slow_backend(disk_cache=False)
    complete(backend, LONG, max_new_tokens=64)
    cancelled = CancellationToken()
    cancelled.cancel()

    chunks = complete(backend, LONG, max_new_tokens=raised, cancellation=cancelled)
    assert chunks[-1].finish_reason == "cancelled"
    prompt = backend._anchors["file:///a.py"].recent
    assert prompt.anchor.num_tokens + min(raised, 1024) <= 2048


@pytest.mark.parametrize(
    ("context_tokens", "max_new_tokens", "text"),
    [
        *((512, 512, text) for text in ("‸", "x = ‸", LONG)),
        (512, 500, LONG),
        (128, 4096, LONG),
        (2048, 2044, LONG),
        (8192, 4096, LONG),
    ],
)
def test_the_room_is_shared_however_long_a_completion_may_be(context_tokens, max_new_tokens, text):
    backend = slow_backend(context_tokens=context_tokens, disk_cache=False)
    request = Request(snapshot_of(text), GenerationOptions(max_new_tokens))
    chunks = []
    stream = backend.stream(request, CancellationToken())
    for chunk in stream:
        chunks.append(chunk)
        if len(chunks) > 3:
            break
    stream.close()

    assert chunks
    assert chunks[0].usage.num_prompt_tokens <= min(context_tokens, 2048) // 2 + 1
    assert backend.prepare(request, CancellationToken()) >= 0


def test_a_smaller_context_holds_also_for_what_was_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("coder_lsp.backends.stored_documents.is_temporary", lambda _: False)
    path = tmp_path / "a.py"
    path.write_text(LONG.replace("‸", ""), encoding="utf-8")
    first = slow_backend()
    complete(first, LONG, path.as_uri())
    first.close()
    second = slow_backend(context_tokens=1024)

    usage = complete(second, LONG, path.as_uri(), max_new_tokens=64)[-1].usage
    assert 600 < usage.num_prompt_tokens + 64 <= 1024


def test_after_more_context_is_allowed_idle_time_widens_the_window(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("coder_lsp.backends.stored_documents.is_temporary", lambda _: False)
    path = tmp_path / "a.py"
    path.write_text(LONG.replace("‸", ""), encoding="utf-8")
    first = slow_backend(context_tokens=512)
    complete(first, LONG, path.as_uri())
    first.close()
    second = slow_backend(context_tokens=2048)
    complete(second, LONG, path.as_uri())
    second.prepare(
        Request(snapshot_of(LONG, path.as_uri()), GenerationOptions()), CancellationToken()
    )

    assert complete(second, LONG, path.as_uri())[-1].usage.num_prompt_tokens > 1200


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("x = ‸", True),
        ("<s>‸</s>", True),
        ('MARK = "<｜fim▁hole｜>"\nx = ‸', False),
        ('x = ‸\nEND = "<｜end▁of▁sentence｜>"', False),
    ],
)
def test_a_spelled_control_token_ends_the_text_unless_the_document_has_one(
    backend, monkeypatch, text, stops
):
    options = []
    monkeypatch.setattr(
        type(backend._engine),
        "generate",
        lambda self, sequence_id, ids, given, *_, **__: options.append(given) or iter(()),
    )

    complete(backend, text)

    assert ("<｜end▁of▁sentence｜>" in options[0].stop_strings) == stops
