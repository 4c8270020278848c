"""The hub's HTTP interface, by its own library; every error of it becomes an ``InstallError``.

Which hub, which token and whether to go online at all is the library's business: it reads
``HF_ENDPOINT``, ``HF_TOKEN`` (or what ``hf auth login`` stored) and ``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from coder_lsp.errors import InstallError
from coder_lsp.install.repository import RemoteFile, Repository, select_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MISSING = (
    "Downloading needs huggingface_hub, which is not installed. Install it with\n"
    '    pip install "coder-lsp[install]"'
)
_UNKNOWN_LICENSE = "unknown"


class ConnectionBroken(InstallError):
    """The hub went away while it was sending; what has come stays and can be gone on from."""


class Hub:
    """Asks one hub; ``endpoint`` None means the library's own choice."""

    def __init__(self, endpoint: str | None = None) -> None:
        """Import the library. Raises ``InstallError`` where it is missing."""
        try:
            import huggingface_hub  # noqa: PLC0415 (slow, and its absence must be explained)
            from huggingface_hub import constants, file_download, utils  # noqa: PLC0415
            from huggingface_hub.utils.tqdm import silent_tqdm  # noqa: PLC0415
        except ImportError as exc:
            raise InstallError(f"{_MISSING}\n({exc})") from exc
        self.endpoint: str = endpoint or constants.ENDPOINT
        self._library = huggingface_hub
        self._file_download = file_download
        self._utils: Any = utils
        self._no_bar = silent_tqdm
        # Its warnings of each retry would break the progress display; failures are told by us.
        self._utils.logging.set_verbosity_error()

    def describe(self, repository_id: str, revision: str) -> Repository:
        """Ask what a repository holds at a revision, which becomes a commit.

        Raises ``InstallError``: without a network, for an unknown or gated repository, for one that
        cannot be exported.
        """
        with self._translated(repository_id, revision):
            info = self._library.HfApi(endpoint=self.endpoint).model_info(
                repository_id, revision=revision, files_metadata=True
            )
        files = tuple(
            RemoteFile(
                name=sibling.rfilename,
                size=sibling.size or 0,
                sha256=None if sibling.lfs is None else sibling.lfs.sha256,
                git_oid=sibling.blob_id or "",
            )
            for sibling in info.siblings or ()
        )
        if info.sha is None:
            raise InstallError(
                f"{self.endpoint} did not name the commit of {repository_id}; it does not seem to "
                "be a hub. Check HF_ENDPOINT."
            )
        card: Any = info.card_data
        return Repository(
            repository_id,
            info.sha,
            _license(None if card is None else card.to_dict()),
            select_files(repository_id, files),
        )

    def license_of(self, folder: Path) -> str:
        """Return the licence that the model card in a folder names."""
        try:
            card = self._library.metadata_load(folder / "README.md")
        except (OSError, ValueError):
            card = None
        return _license(card)

    def fetch(
        self, repository: Repository, file: RemoteFile, target: BinaryIO, offset: int
    ) -> None:
        """Append a file's content from ``offset`` on to ``target``, which holds what is before.

        The library goes on by itself when the connection breaks, as long as something comes.
        Raises ``ConnectionBroken`` when nothing does, and ``InstallError``.
        """
        url = self._library.hf_hub_url(
            repository.id, file.name, revision=repository.commit, endpoint=self.endpoint
        )
        with self._translated(repository.id, repository.commit):
            headers = self._utils.build_hf_headers()
            metadata = self._file_download.get_hf_file_metadata(url, endpoint=self.endpoint)
            if _origin(metadata.location) != _origin(url):
                # Large files come from a store elsewhere, which the token is no business of.
                headers.pop("authorization", None)
            self._file_download.http_get(
                metadata.location,
                target,
                resume_size=offset,
                headers=headers,
                expected_size=file.size,
                tqdm_class=self._no_bar,
            )

    @contextmanager
    def _translated(self, repository_id: str, revision: str) -> Iterator[None]:
        errors = self._library.errors
        try:
            yield
        except errors.GatedRepoError as exc:
            raise InstallError(
                f"{repository_id} is gated: its owner lets in only who asked. Ask on its page, "
                f"{self.endpoint}/{repository_id}, then log in with 'hf auth login' or set "
                "HF_TOKEN."
            ) from exc
        except errors.RevisionNotFoundError as exc:
            raise InstallError(
                f"{repository_id} has no revision {revision}. Name another one, such as "
                "--revision main."
            ) from exc
        except errors.RepositoryNotFoundError as exc:
            raise InstallError(
                f"{self.endpoint} knows no repository {repository_id}, or shows it to others only. "
                "Check the name; for a private one log in with 'hf auth login' or set HF_TOKEN."
            ) from exc
        except errors.OfflineModeIsEnabled as exc:
            raise InstallError(
                "HF_HUB_OFFLINE forbids every connection. Unset it, or name a local folder."
            ) from exc
        except errors.HfHubHTTPError as exc:
            raise self._http_error(repository_id, exc) from exc
        except OSError as exc:
            raise _disk_or_network(self.endpoint, exc) from exc
        except Exception as exc:
            if not _is_network_error(exc):
                raise
            raise _no_network(self.endpoint, exc) from exc

    def _http_error(self, repository_id: str, exc: Any) -> InstallError:
        status = exc.response.status_code
        if status in {401, 403}:
            return InstallError(
                f"{self.endpoint} refuses {repository_id} (HTTP {status}). Log in with "
                "'hf auth login' or set HF_TOKEN to a token that may read it."
            )
        kind = ConnectionBroken if status in {408, 429} or status >= 500 else InstallError  # noqa: PLR2004 (HTTP's own numbers)
        return kind(
            f"{self.endpoint} answered HTTP {status} for {repository_id}. Run the same command "
            "again later; it goes on where it stopped."
        )


def _license(card: Mapping[str, Any] | None) -> str:
    # Cards with a licence of their own say "license: other" and name it in license_name.
    fields = card or {}
    return str(fields.get("license_name") or fields.get("license") or _UNKNOWN_LICENSE)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _is_network_error(exc: Exception) -> bool:
    """Whether the HTTP library raised it; the hub's library has had several underneath."""
    return type(exc).__module__.partition(".")[0] in {"httpx", "httpx2", "httpcore", "requests"}


def _disk_or_network(endpoint: str, exc: OSError) -> InstallError:
    if isinstance(exc, ConnectionError) or exc.errno is None:
        return _no_network(endpoint, exc)
    return InstallError(f"The download cannot be written: {exc}. Free some space or permit it.")


def _no_network(endpoint: str, exc: Exception) -> ConnectionBroken:
    return ConnectionBroken(
        f"No connection to {endpoint} ({type(exc).__name__}: {exc}). Check the network, a proxy "
        "and HF_ENDPOINT, then run the same command again: it goes on where it stopped. A model "
        "that was downloaded elsewhere can be installed from its folder."
    )
