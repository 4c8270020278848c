"""The hub's HTTP interface, by its own library; every error of it becomes an ``InstallError``.

The library decides which hub it asks, with which token, and whether it may go online at all: it
reads ``HF_ENDPOINT``, ``HF_TOKEN`` (or what ``hf auth login`` stored) and ``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from coder_lsp.errors import InstallError
from coder_lsp.install.network_errors import ConnectionBroken, network_error
from coder_lsp.install.repository import (
    INDEX_NAME,
    RemoteFile,
    Repository,
    plain_license,
    restrict_to_index,
    select_checkpoint,
    select_gguf,
)
from coder_lsp.json_input import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MISSING = (
    "Downloading needs huggingface_hub, which is not installed. Install it with\n"
    '    pip install "coder-lsp[install]"'
)
_MAX_INDEX_BYTES = 64 << 20


class Hub:
    """Asks one hub; ``endpoint`` None means the library's own choice."""

    def __init__(self, endpoint: str | None = None) -> None:
        """Import the library. Raises ``InstallError`` if that cannot be done."""
        try:
            import huggingface_hub  # noqa: PLC0415 (slow, and its absence must be explained)
            from huggingface_hub import constants, file_download, utils  # noqa: PLC0415
            from huggingface_hub.utils.tqdm import silent_tqdm  # noqa: PLC0415
        except ImportError as exc:
            raise InstallError(f"{_MISSING}\n({exc})") from exc
        except ValueError as exc:
            raise InstallError(
                f"huggingface_hub cannot read one of its environment variables HF_…: {exc}. "
                "Correct or unset it."
            ) from exc
        self.endpoint: str = endpoint or constants.ENDPOINT
        self._library = huggingface_hub
        self._file_download = file_download
        self._utils: Any = utils
        self._no_bar = silent_tqdm
        # Its warnings of each retry would break the progress display, and we report failures.
        self._utils.logging.set_verbosity_error()

    def describe(self, repository_id: str, revision: str, file: str | None = None) -> Repository:
        """Ask what a repository holds at a revision, which becomes a commit.

        ``file`` is the GGUF file that is wanted; None means the Hugging Face checkpoint.

        Raises ``InstallError``: without a network, for an unknown or gated repository, for one
        without what is wanted.
        """
        info = self._model_info(repository_id, revision)
        if not isinstance(info.sha, str) or not re.fullmatch("[0-9a-f]{7,64}", info.sha):
            raise self._no_hub(repository_id)
        files = tuple(
            RemoteFile(
                name=str(sibling.rfilename),
                size=sibling.size if type(sibling.size) is int else -1,
                sha256=None if sibling.lfs is None else str(sibling.lfs.sha256),
                git_oid=str(sibling.blob_id or ""),
            )
            for sibling in info.siblings or ()
        )
        if file is None:
            files = select_checkpoint(repository_id, files)
        else:
            files = select_gguf(repository_id, files, file)
        repository = Repository(repository_id, info.sha, _license(info.card_data), files)
        repository = replace(repository, files=tuple(self._with_size(repository, f) for f in files))
        return replace(repository, files=self._indexed(repository))

    def _model_info(self, repository_id: str, revision: str) -> Any:
        with self._translated(repository_id, revision):
            api = self._library.HfApi(endpoint=self.endpoint)
            try:
                return api.model_info(repository_id, revision=revision, files_metadata=True)
            except (AttributeError, KeyError, RecursionError, TypeError) as exc:
                # JSON of another shape
                raise self._no_hub(repository_id) from exc

    def _no_hub(self, repository_id: str) -> InstallError:
        return InstallError(
            f"{self.endpoint} does not describe {repository_id} as a hub does. Check HF_ENDPOINT "
            "and the proxy."
        )

    def _with_size(self, repository: Repository, file: RemoteFile) -> RemoteFile:
        """Return the file with its size, which not every hub lists."""
        if file.size >= 0:
            return file
        with self._translated(repository.id, repository.commit):
            metadata = self._file_download.get_hf_file_metadata(
                self._url(repository, file), endpoint=self.endpoint
            )
        if metadata.size is None:
            raise InstallError(
                f"{self.endpoint} does not say how large {file.name} in {repository.id} is, so "
                "nobody could tell when it is complete. Try another hub."
            )
        return replace(file, size=metadata.size)

    def _indexed(self, repository: Repository) -> tuple[RemoteFile, ...]:
        """Return the files that are needed; if there is an index of shards, it decides."""
        index = next((file for file in repository.files if file.name == INDEX_NAME), None)
        if index is None:
            return repository.files
        if index.size > _MAX_INDEX_BYTES:
            raise InstallError(f"{repository.id}: {INDEX_NAME} has {index.size} bytes, too many.")
        content = io.BytesIO()
        self.fetch(repository, index, content, 0)
        where = f"{INDEX_NAME} of {repository.id}"
        document = parse_json(content.getvalue(), where)
        weight_map = document.get("weight_map") if isinstance(document, dict) else None
        if not isinstance(weight_map, dict):
            raise InstallError(f"{where} has no object 'weight_map'. Choose another repository.")
        return restrict_to_index(repository, weight_map)

    def _url(self, repository: Repository, file: RemoteFile) -> str:
        url: str = self._library.hf_hub_url(
            repository.id, file.name, revision=repository.commit, endpoint=self.endpoint
        )
        return url

    def fetch(
        self, repository: Repository, file: RemoteFile, target: BinaryIO, offset: int
    ) -> None:
        """Append a file's content from ``offset`` on to ``target``, which holds what is before.

        If the connection breaks, the library itself continues as long as something comes. Raises
        ``ConnectionBroken`` if nothing does, and ``InstallError``.
        """
        url = self._url(repository, file)
        with self._translated(repository.id, repository.commit):
            headers = self._utils.build_hf_headers()
            metadata = self._file_download.get_hf_file_metadata(url, endpoint=self.endpoint)
            if _origin(metadata.location) != _origin(url):
                # Large files come from a store elsewhere, which must not see the token.
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
                f"{repository_id} is gated: its owner admits users one by one. Ask on its page, "
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
                f"{self.endpoint} knows no repository {repository_id}, or hides it from you. "
                "Check the name; for a private one log in with 'hf auth login' or set HF_TOKEN."
            ) from exc
        except errors.OfflineModeIsEnabled as exc:
            raise InstallError(
                "HF_HUB_OFFLINE forbids every connection, and not all of this model is on this "
                "machine. Unset it, or name a local folder or GGUF file."
            ) from exc
        except errors.HfHubHTTPError as exc:
            raise self._http_error(repository_id, exc) from exc
        except Exception as exc:
            error = network_error(self.endpoint, exc)
            if error is None:
                raise
            raise error from exc

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
            "again later; it continues where it stopped."
        )


def _license(card: Any) -> str:
    # Cards with a licence of their own say "license: other" and name it in license_name.
    fields: Mapping[str, Any] = card.to_dict() if hasattr(card, "to_dict") else {}
    return plain_license(fields.get("license_name") or fields.get("license"))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
