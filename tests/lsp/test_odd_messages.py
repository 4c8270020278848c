"""Messages that are odd and harmless, and messages that are neither, without a client."""

import asyncio
import json

import pytest

from coder_lsp.lsp.app import create_server
from coder_lsp.settings import Settings

URI = "file:///w/a.py"
ITEM = {"uri": URI, "languageId": "python", "version": 1, "text": "x = 1\n"}


class Sent:
    """Takes the place of standard output; remembers the messages."""

    def __init__(self):
        self.messages = []

    def write(self, data):
        self.messages.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self):
        pass

    def answers(self, message_id):
        return [m for m in self.messages if m.get("id") == message_id and "method" not in m]


@pytest.fixture
def server():
    server = create_server(Settings(backend="scripted"))
    server.protocol.set_writer(Sent())
    yield server
    assert server.scheduler.close(timeout_seconds=60)


def handle(server, *messages):
    """Hand messages to the server, one after the other; bytes as they are."""

    async def run():
        for message in messages:
            body = message
            if not isinstance(message, bytes):
                body = json.dumps({"jsonrpc": "2.0", **message}).encode()
            server.protocol.handle_body(body)
            await asyncio.sleep(0)
        while server.protocol.num_pending:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    asyncio.run(run())
    return server.protocol.writer


def initialize(**params):
    fields = {"processId": None, "rootUri": None, "capabilities": {}}
    return {"id": "init", "method": "initialize", "params": {**fields, **params}}


def opened(**fields):
    return {"method": "textDocument/didOpen", "params": {"textDocument": {**ITEM, **fields}}}


def changed(*changes, version=2):
    document = {"uri": URI, "version": version}
    params = {"textDocument": document, "contentChanges": list(changes)}
    return {"method": "textDocument/didChange", "params": params}


STATS = {
    "id": "stats",
    "method": "workspace/executeCommand",
    "params": {"command": "coder-lsp.stats"},
}


def text_of(server):
    document = server.session.document(URI)
    return None if document is None else document.text


@pytest.mark.parametrize(
    "params",
    [
        {"capabilities": {"textDocument": {"publishDiagnostics": {"tagSupport": {"valueSet": [3]}}}}},  # noqa: E501
        {"capabilities": {"workspace": {"symbol": {"symbolKind": {"valueSet": [0, 27]}}}}},
        {"capabilities": {"textDocument": {"hover": {"contentFormat": ["html"]}}}},
        {"capabilities": {"textDocument": {"completion": {"completionItem": {"tagSupport": 1}}}}},
        {"capabilities": {"general": {"positionEncodings": ["utf-7", 8, "utf-8"]}}},
        {"capabilities": {"general": {"positionEncodings": "utf-8", "markdown": {}}}},
        {"capabilities": {"general": [], "window": "yes", "workspace": 1, "textDocument": 2}},
        {"capabilities": {"experimental": ["anything"]}},
        {"capabilities": None},
        {"capabilities": []},
        {"workspaceFolders": [{"uri": "file:///w"}]},
        {"workspaceFolders": "file:///w"},
        {"rootUri": "file://[::1", "rootPath": 5},
        {"trace": "loud"},
        {"clientInfo": {"version": "1"}},
        {"clientInfo": "Editor"},
        {"clientInfo": {"name": None}},
        {"locale": 7},
        {"processId": "12"},
        {"processId": 10**30},
        {"processId": True},
        {"workDoneToken": {}},
    ],
    ids=str,
)  # fmt: skip
def test_what_the_server_does_not_need_cannot_stop_initialize(server, params):
    (answer,) = handle(server, initialize(**params)).answers("init")

    assert answer["result"]["capabilities"]["inlineCompletionProvider"] == {}


def test_what_the_server_needs_is_read_beside_unknown_values(server):
    capabilities = {
        "general": {"positionEncodings": ["utf-7", "utf-8"]},
        "window": {"workDoneProgress": True, "unknown": 1},
        "workspace": {"configuration": True},
        "experimental": {"coderLspStatus": True},
        "textDocument": {"hover": {"contentFormat": ["html"]}},
    }
    sent = handle(server, initialize(capabilities=capabilities, clientInfo={"name": "Editor"}))

    (answer,) = sent.answers("init")
    assert answer["result"]["capabilities"]["positionEncoding"] == "utf-8"
    assert server.client.can_show_progress
    assert server.client.can_be_asked_for_settings
    assert server.client.shows_status
    assert server.session.tally.editor == "Editor"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"range": None, "text": "y"}, "y"),
        ({"range": None, "rangeLength": None, "text": "y"}, "y"),
        (
            {
                "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}},
                "rangeLength": None,
                "text": "y",
            },
            "y = 1\n",
        ),
    ],
)
@pytest.mark.parametrize("version", [2, None])
def test_null_is_as_good_as_a_field_left_out(server, change, text, version):
    handle(server, initialize(), opened(version=version), changed(change, version=version))

    assert text_of(server) == text


def test_each_text_has_a_version_of_its_own(server):
    handle(server, initialize(), opened(), changed({"text": "y"}, version=None))
    first = server.session.document(URI).version
    handle(server, changed({"text": "z"}, version=None))

    assert server.session.document(URI).version > first > 1


@pytest.mark.parametrize("context", [None, {}, {"triggerKind": None}, {"triggerKind": 9}, 5])
def test_how_an_inline_completion_came_up_may_be_unknown(server, context):
    position, document = {"line": 0, "character": 5}, {"uri": URI}
    params = {"textDocument": document, "position": position, "context": context}
    ask = {"id": 1, "method": "textDocument/inlineCompletion", "params": params}

    assert "result" in handle(server, initialize(), opened(), ask).answers(1)[0]


def test_null_in_a_request_is_as_good_as_a_field_left_out(server):
    position = {"line": 0, "character": 5}
    document = {"uri": URI, "version": None}
    context = {"triggerKind": 2, "selectedCompletionInfo": None}
    params = {"textDocument": document, "position": position, "context": context}
    plain = {"textDocument": document, "position": position, "context": {"triggerKind": 9}}
    sent = handle(
        server,
        initialize(),
        {"id": None, "method": "initialized", "params": {}},
        opened(languageId=None),
        {"id": 1, "method": "textDocument/inlineCompletion", "params": params},
        {"id": 2, "method": "textDocument/completion", "params": plain},
    )

    assert "result" in sent.answers(1)[0]
    assert "result" in sent.answers(2)[0]


@pytest.mark.parametrize(
    "changes",
    [
        [{"range": {"start": {"line": 0}}, "text": "y"}],
        [{"range": "all", "text": "y"}],
        [{"text": None}],
        [None],
        5,
    ],
    ids=str,
)
def test_a_document_is_let_go_whose_change_cannot_be_read(server, changes):
    change = changed()
    change["params"]["contentChanges"] = changes
    handle(server, initialize(), opened(), change)
    assert text_of(server) is None

    handle(server, opened(version=9, text="z"))
    assert text_of(server) == "z"


@pytest.mark.parametrize(
    "message",
    [
        b"[" * 200_000,
        b'{"jsonrpc":"2.0","id":1,"method":"a","params":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,  # noqa: E501
        b'{"jsonrpc":"2.0","id":[],"result":1}',
        b'{"jsonrpc":"2.0","id":{},"error":{"code":1,"message":"x"}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
        b'{"jsonrpc":"2.0","id":"unknown","result":1}',
        b'{"jsonrpc":"2.0","id":"init","error":5}',
        b'{"jsonrpc":"2.0","result":1}',
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"a"}',
        b'{"jsonrpc":"2.0","id":true,"method":"a"}',
        b'{"jsonrpc":"2.0","id":[1],"method":"a"}',
        b'{"jsonrpc":"2.0","id":1,"method":["a"]}',
        b'{"jsonrpc":"2.0","method":{"a":1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"workspace/executeCommand","params":[1]}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":[]}}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest"}',
        b"[]",
        b"null",
        b"\xff\xfe",
    ],
    ids=lambda message: message[:60].decode(errors="replace"),
)  # fmt: skip
def test_after_any_message_the_next_one_is_handled(server, message):
    sent = handle(server, initialize(), message, STATS)

    assert len(sent.answers("init")) == 1
    (answer,) = sent.answers("stats")
    assert "result" in answer


def test_an_answer_with_the_id_of_a_running_request_does_not_answer_it(server):
    asked = asyncio.Event()

    async def slow(params):
        await asked.wait()
        return "mine"

    server.feature("test/slow")(slow)

    async def run():
        for message in (
            initialize(),
            {"id": 7, "method": "test/slow", "params": {}},
            {"id": 7, "result": "the client's"},
            {"id": 7, "method": "test/slow", "params": {}},
        ):
            server.protocol.handle_body(json.dumps({"jsonrpc": "2.0", **message}).encode())
            await asyncio.sleep(0)
        asked.set()
        await asyncio.sleep(0.01)

    asyncio.run(run())

    refused, answered = server.protocol.writer.answers(7)
    assert refused["error"]["code"] == -32600  # the second request with this id
    assert answered["result"] == "mine"


def test_a_late_answer_to_a_request_that_was_given_up_does_no_harm(server):
    async def run():
        server.protocol.handle_body(json.dumps({"jsonrpc": "2.0", **initialize()}).encode())
        future = server.protocol.send_request("workspace/configuration", {"items": []}, msg_id="q")
        future.cancel()
        server.protocol.handle_body(b'{"jsonrpc":"2.0","id":"q","result":[]}')
        answered = server.protocol.send_request("a/b", {}, msg_id="r")
        server.protocol.handle_body(b'{"jsonrpc":"2.0","id":"r","result":5}')
        assert answered.result() == 5

    asyncio.run(run())


def test_half_characters_are_replaced_wherever_they_are(server):
    selected = {
        "range": {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 5}},
        "text": "1\ud8002",
    }
    params = {
        "textDocument": {"uri": "file:///w/\udfff.py"},
        "position": {"line": 0, "character": 5},
        "context": {"triggerKind": 2, "selectedCompletionInfo": selected},
    }
    document = opened(uri="file:///w/\udfff.py", text="x = 1\ud800")
    ask = {"id": 1, "method": "textDocument/inlineCompletion", "params": params}
    sent = handle(server, initialize(), document, ask)

    assert server.session.document("file:///w/\ufffd.py").text == "x = 1\ufffd"
    assert "result" in sent.answers(1)[0]
