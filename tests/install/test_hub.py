"""Against a stand-in on loopback, whose likeness to the hub the library itself attests."""

import errno
import socket

import pytest
from huggingface_hub import constants, snapshot_download
from huggingface_hub.utils import close_session

from coder_lsp.errors import InstallError
from coder_lsp.install.hub import Hub
from coder_lsp.install.network_errors import ConnectionBroken
from tests.install.conftest import REPOSITORY
from tests.support.stand_in_hub import COMMIT, TOKEN


def test_the_librarys_own_download_takes_the_stand_in_for_the_hub(stand_in, checkpoint, tmp_path):
    folder = tmp_path / "snapshot"
    snapshot_download(REPOSITORY, endpoint=stand_in.url, local_dir=folder, max_workers=1)

    for path in checkpoint.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_a_repository_is_described_by_one_request(stand_in, hub, checkpoint):
    repository = hub.describe(REPOSITORY, "main")

    assert [str(a) for a in stand_in.asked] == [
        f"hub GET /api/models/{REPOSITORY}/revision/main?blobs=true"
    ]
    assert (repository.commit, repository.license) == (COMMIT, "deepseek-license")
    assert {file.name for file in repository.files} == {p.name for p in checkpoint.iterdir()}
    assert repository.size == sum(path.stat().st_size for path in checkpoint.iterdir())
    assert repository.files[-1].name == "model.safetensors"  # the largest comes last


def test_the_token_goes_to_the_hub_and_not_to_the_store(
    stand_in, hub, checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    repository = hub.describe(REPOSITORY, "main")
    with (tmp_path / "weights").open("w+b") as target:
        hub.fetch(repository, repository.files[-1], target, 0)

    assert (tmp_path / "weights").read_bytes() == (checkpoint / "model.safetensors").read_bytes()
    assert [(asked.where, asked.method, asked.has_token) for asked in stand_in.asked] == [
        ("hub", "GET", True),
        ("hub", "HEAD", True),
        ("store", "GET", False),
    ]


def check_refusal(stand_in, hub, status, error_code, message, kind=InstallError):
    stand_in.faults.status, stand_in.faults.error_code = status, error_code

    with pytest.raises(InstallError, match=message) as caught:
        hub.describe(REPOSITORY, "main")

    assert type(caught.value) is kind


def test_each_refusal_names_its_remedy(stand_in, hub):
    check_refusal(stand_in, hub, 403, "GatedRepo", "is gated.*'hf auth login' or set HF_TOKEN")
    check_refusal(stand_in, hub, 401, None, r"refuses .*\(HTTP 401\).*HF_TOKEN")
    check_refusal(stand_in, hub, 403, None, r"refuses .*\(HTTP 403\).*HF_TOKEN")
    check_refusal(stand_in, hub, 404, "RevisionNotFound", "no revision main.*--revision")
    check_refusal(stand_in, hub, 404, "RepoNotFound", "knows no repository.*Check the name")
    check_refusal(stand_in, hub, 503, None, "answered HTTP 503.*again later", ConnectionBroken)


def test_an_unknown_repository_and_an_unknown_commit_are_told_apart(hub):
    with pytest.raises(InstallError, match="knows no repository deepseek-ai/Other"):
        hub.describe("deepseek-ai/Other", "main")
    with pytest.raises(InstallError, match="has no revision v9"):
        hub.describe(REPOSITORY, "v9")


def test_a_repository_without_safetensors_is_refused(stand_in, hub):
    del stand_in.files["model.safetensors"]
    stand_in.files["model.gguf"] = b"GGUF"

    with pytest.raises(InstallError, match=r"no \*\.safetensors.*-Base:model\.gguf"):
        hub.describe(REPOSITORY, "main")


def test_without_a_network_it_says_so():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = Hub(f"http://127.0.0.1:{unused.getsockname()[1]}")

    with pytest.raises(ConnectionBroken, match=r"No connection to http://127.*Check the network"):
        nowhere.describe(REPOSITORY, "main")


def test_the_librarys_offline_mode_is_heeded(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(InstallError, match="HF_HUB_OFFLINE forbids every connection"):
        hub.describe(REPOSITORY, "main")


def test_a_full_disk_is_not_taken_for_a_broken_connection(hub):
    class FullDisk:
        def write(self, chunk):
            raise OSError(errno.ENOSPC, "No space left on device")

    repository = hub.describe(REPOSITORY, "main")

    with pytest.raises(InstallError, match=r"cannot be written: .*No space left") as caught:
        hub.fetch(repository, repository.files[-1], FullDisk(), 0)
    assert type(caught.value) is InstallError


@pytest.fixture
def own_session():
    """The library keeps one client, which reads the proxies when it is made."""
    close_session()
    yield
    close_session()


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize(
    "proxy", ["socks://127.0.0.1:9", "socks5://127.0.0.1:9", "http://[::1", "x://y", "http://a:b:c"]
)
def test_a_proxy_that_cannot_be_used_is_named_with_the_remedy(
    own_session, monkeypatch, variable, proxy
):
    monkeypatch.setenv(variable, proxy)

    with pytest.raises(InstallError, match=rf"{variable}.*cannot be used.*http://HOST:PORT"):
        Hub("https://hub.invalid").describe(REPOSITORY, "main")


def test_a_proxy_without_a_scheme_or_that_is_not_there_is_named(own_session, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "127.0.0.1:9")

    with pytest.raises(ConnectionBroken, match=r"No connection .* a proxy"):
        Hub("https://hub.invalid").describe(REPOSITORY, "main")


def test_a_password_in_a_proxy_is_not_printed(own_session, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks://me:secret@127.0.0.1:9")

    with pytest.raises(InstallError) as caught:
        Hub("https://hub.invalid").describe(REPOSITORY, "main")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["hub", "ftp://hub", "http://", "http://[", "http://a b"])
def test_an_endpoint_that_is_no_address_is_told(own_session, endpoint):
    with pytest.raises(InstallError, match="HF_ENDPOINT"):
        Hub(endpoint).describe(REPOSITORY, "main")


@pytest.mark.parametrize(
    "description", [b"[]", b"null", b"3", b"{}", b"<html>", b"", b"[" * 50_000, b"\xff"]
)
def test_what_no_hub_says_is_told(hub, stand_in, description):
    stand_in.faults.description = description

    with pytest.raises(InstallError, match=r"HF_ENDPOINT|holds no config"):
        hub.describe(REPOSITORY, "main")


@pytest.mark.parametrize(
    "described",
    [
        {"siblings": [{}]},
        {"siblings": [3]},
        {"siblings": {"rfilename": "x"}},
        {"siblings": 3},
        {"siblings": [{"rfilename": None}]},
        {"siblings": [{"rfilename": "config.json", "size": -5}]},
        {"siblings": [{"rfilename": "config.json", "lfs": {"sha256": 3}}]},
        {"siblings": [{"rfilename": "config.json", "blobId": "../../x"}]},
        {"sha": None},
        {"sha": 3},
        {"sha": "../../main"},
    ],
)
def test_a_description_of_another_shape_is_told(hub, stand_in, described):
    stand_in.faults.described = described

    with pytest.raises(InstallError):
        hub.describe(REPOSITORY, "main")


@pytest.mark.parametrize("card", [3, ["x"], "mit", None, {"license": {}}])
def test_a_card_of_another_shape_names_no_licence(hub, stand_in, card):
    stand_in.faults.described = {"cardData": card}

    assert hub.describe(REPOSITORY, "main").license == "unknown"


@pytest.mark.parametrize("digest", ["../../x", "A" * 40, "5eed", ""])
def test_a_digest_that_is_none_never_becomes_a_path(hub, stand_in, digest):
    names = ("config.json", "tokenizer.json", "model.safetensors")
    stand_in.faults.described = {
        "siblings": [{"rfilename": name, "size": 3, "blobId": digest} for name in names]
    }

    with pytest.raises(InstallError, match="names no checksum"):
        hub.describe(REPOSITORY, "main")
