"""A local stand-in of the hub: what its library asks of it, and nothing more.

Two servers, as in reality: the hub answers for large files with a redirect to a store elsewhere,
where the token must not go. Faults are told beforehand, requests are noted.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "5eed" * 10
LATER_COMMIT = "1a7e" * 10
TOKEN = "hf_of_the_tests"
_REPOSITORY = r"/(?:api/models/)?(?P<repository>[^/]+/[^/]+)"
_API = re.compile(_REPOSITORY + r"(?:/(?P<what>revision|tree)/(?P<revision>[^/]+))?")
_RESOLVE = re.compile(_REPOSITORY + r"/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; ``where`` is ``hub`` or ``store``."""

    where: str
    method: str
    path: str
    range: str | None
    has_token: bool

    def __str__(self) -> str:
        asked_range = f" {self.range}" if self.range else ""
        return f"{self.where} {self.method} {self.path}{asked_range}"


@dataclass(slots=True)
class Faults:
    """``break_at``: after so many bytes of a file each next answer breaks off; 0 sends none.

    ``status`` is answered to everything, with ``error_code`` as the hub names errors.
    ``appended`` is sent behind a file without notice; ``unsized`` files are listed without a size.
    ``described`` changes what is said of the repository, ``description`` replaces it.
    ``stall_at``: after so many bytes the server goes silent until ``stalled`` is waited for.
    """

    break_at: list[int] = field(default_factory=list)
    corrupt: set[str] = field(default_factory=set)
    appended: dict[str, bytes] = field(default_factory=dict)
    unsized: set[str] = field(default_factory=set)
    described: dict[str, object] = field(default_factory=dict)
    description: bytes | None = None
    status: int | None = None
    error_code: str | None = None
    stall_at: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    end_of_stall: threading.Event = field(default_factory=threading.Event)


class StandInHub:
    """One repository with one or two commits, which hold the same files."""

    def __init__(self, repository: str, files: Mapping[str, bytes], license_name: str) -> None:
        self.repository = repository
        self.files = dict(files)
        self.license_name = license_name
        self.card: dict[str, object] | None = None
        self.commits = [COMMIT]
        self.faults = Faults()
        self.asked: list[Asked] = []
        self._servers = [_serve(_HubAnswers, self), _serve(_StoreAnswers, self)]

    @property
    def url(self) -> str:
        """What HF_ENDPOINT should be."""
        return _url(self._servers[0])

    @property
    def store_url(self) -> str:
        """Where large files really lie."""
        return _url(self._servers[1])

    @property
    def of_weights(self) -> list[str]:
        """What was asked of the store so far."""
        return [str(asked) for asked in self.asked if asked.where == "store"]

    def close(self) -> None:
        """Stop both servers."""
        self.faults.end_of_stall.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()


@contextmanager
def stand_in_hub(
    repository: str, files: Mapping[str, bytes], license_name: str = "deepseek-license"
) -> Iterator[StandInHub]:
    """Serve a repository on loopback for as long as the block lasts."""
    hub = StandInHub(repository, files, license_name)
    try:
        yield hub
    finally:
        hub.close()


def is_large(name: str) -> bool:
    """Whether the hub keeps a file as LFS, elsewhere."""
    return name.endswith((".safetensors", ".gguf"))


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    where: str
    hub: StandInHub

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        """Note the request, then do what this server does."""
        self.hub.asked.append(
            Asked(
                self.where,
                self.command,
                self.path,
                self.headers.get("Range"),
                self.headers.get("Authorization") is not None,
            )
        )
        faults = self.hub.faults
        if faults.status is not None:
            headers = {"X-Error-Code": faults.error_code} if faults.error_code else {}
            self.send(faults.status, b"", headers)
        else:
            self.respond()

    def respond(self) -> None:
        raise NotImplementedError

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a whole answer, to HEAD without its body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _HubAnswers(_Answers):
    where = "hub"

    def respond(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := _RESOLVE.fullmatch(path):
            self._resolve(match["repository"], match["revision"], match["name"])
        elif match := _API.fullmatch(path):
            self._describe(match["repository"], match["what"], match["revision"] or "main")

    def _describe(self, repository: str, what: str | None, revision: str) -> None:
        commit = self._commit(repository, revision)
        if commit is None:
            return
        entries = [
            {
                "type": "file",
                "path": name,
                "oid": git_oid(content),
                "size": len(content),
                **({"lfs": lfs_pointer(content, "oid")} if is_large(name) else {}),
            }
            for name, content in self.hub.files.items()
        ]
        siblings = [
            {
                "rfilename": name,
                **({} if name in self.hub.faults.unsized else {"size": len(content)}),
                "blobId": git_oid(content),
                **({"lfs": lfs_pointer(content, "sha256")} if is_large(name) else {}),
            }
            for name, content in self.hub.files.items()
        ]
        card = self.hub.card or {"license": "other", "license_name": self.hub.license_name}
        info = {
            "id": self.hub.repository,
            "sha": commit,
            "cardData": card,
            "siblings": siblings,
        }
        info |= self.hub.faults.described
        body = json.dumps(entries if what == "tree" else info).encode()
        if self.hub.faults.description is not None:
            body = self.hub.faults.description
        self.send(200, body, {"Content-Type": "application/json"})

    def _resolve(self, repository: str, revision: str, name: str) -> None:
        commit = self._commit(repository, revision)
        if commit is None:
            return
        content = self.hub.files.get(name)
        if content is None:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        if is_large(name):
            digest = hashlib.sha256(content).hexdigest()
            headers = {
                "Location": f"{self.hub.store_url}/{name}",
                "X-Repo-Commit": commit,
                "X-Linked-Size": str(len(content)),
                "X-Linked-Etag": f'"{digest}"',
            }
            self.send(302, b"", headers)
            return
        sent = spoiled(content) if name in self.hub.faults.corrupt else content
        sent += self.hub.faults.appended.get(name, b"")
        self.send(200, sent, {"ETag": f'"{git_oid(content)}"', "X-Repo-Commit": commit})

    def _commit(self, repository: str, revision: str) -> str | None:
        """Return the commit of a revision; answer with the hub's error where there is none."""
        if repository != self.hub.repository:
            self.send(401, b"", {"X-Error-Code": "RepoNotFound"})
            return None
        if revision == "main":
            return self.hub.commits[-1]
        if revision not in self.hub.commits:
            self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return None
        return revision


class _StoreAnswers(_Answers):
    where = "store"

    def respond(self) -> None:
        name = self.path.removeprefix("/")
        content = self.hub.files[name]
        start = 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = spoiled(content) if name in self.hub.faults.corrupt else content
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self._send_rest(body[start:], start)

    def _send_rest(self, body: bytes, start: int) -> None:
        faults = self.hub.faults
        if faults.stall_at is not None and faults.stall_at > start:
            self.wfile.write(body[: faults.stall_at - start])
            self.wfile.flush()
            faults.stalled.set()
            faults.end_of_stall.wait()
            self.close_connection = True
        elif faults.break_at:
            self.wfile.write(body[: faults.break_at.pop(0)])
            self.close_connection = True
        else:
            with suppress(ConnectionError):
                self.wfile.write(body)


def git_oid(content: bytes) -> str:
    """Return git's name of a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lfs_pointer(content: bytes, digest_key: str) -> dict[str, object]:
    """Return what the hub tells of a large file; its two interfaces name the digest otherwise."""
    digest = hashlib.sha256(content).hexdigest()
    return {digest_key: digest, "size": len(content), "pointerSize": 134}


def spoiled(content: bytes) -> bytes:
    """Return the content with its last byte changed."""
    return content[:-1] + bytes([content[-1] ^ 1])


def _serve(answers: type[_Answers], hub: StandInHub) -> ThreadingHTTPServer:
    bound = type(answers.__name__, (answers,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def _url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"
