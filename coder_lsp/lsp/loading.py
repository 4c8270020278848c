"""Loading the backend in the background, with the client's progress display."""

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from coder_lsp.errors import CoderError
from coder_lsp.lsp import notices
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.protocol import log_error
from coder_lsp.settings import Settings

if TYPE_CHECKING:
    from coder_lsp.scheduling.engine_thread import Loaded

_log = logging.getLogger(__name__)


def load_if_wanted(ls: CoderServer) -> None:
    """Load the model once completions are on; who never wants them pays nothing for it."""
    if ls.switch.is_on and not ls.scheduler.has_been_loaded:
        ls.start(load_backend(ls))


async def load_backend(ls: CoderServer) -> None:
    """Load what the settings name. On failure requests are answered with nothing, and it is told.

    The task is superseded, not this coroutine cancelled, when the settings change meanwhile.
    """
    before, settings = ls.status.model, ls.session.settings
    shown = ls.status.begin_loading()
    loading = ls.scheduler.load()
    if ls.client.can_show_progress:
        ls.start(_show_progress(ls, loading))
    try:
        loaded = await loading
    except CoderError as exc:
        error = notices.cannot_complete(str(exc))
    except Exception as exc:  # noqa: BLE001 (a damaged installation fails in many ways)
        log_error(exc)
        error = notices.failed_to_load(type(exc).__name__)
    else:
        _log.info("Loaded %s", loaded.model)
        for notice in loaded.notices:
            _log.warning("%s", notice)
            ls.tell_once(types.MessageType.Warning, notice)
        if before not in {None, loaded.model} and _is_default(settings):
            ls.tell(types.MessageType.Info, notices.new_default(loaded.model))
        suggestion = _suggestion(settings)
        ls.status.end_loading(shown, loaded.model, None, loaded.notices, suggestion)
        return
    ls.status.end_loading(shown, None, error)
    ls.tell_once(types.MessageType.Error, error)


def _is_default(settings: Settings) -> bool:
    return settings.backend == "local" and not settings.model


def _suggestion(settings: Settings) -> str | None:
    """Return what a user could install, unless the user has installed or chosen a model."""
    if not _is_default(settings):
        return None
    from coder_lsp.install.catalogue import suggestion  # noqa: PLC0415 (only now is there time)

    return suggestion()


async def _show_progress(ls: CoderServer, loading: "asyncio.Future[Loaded]") -> None:
    token = str(uuid.uuid4())
    try:
        await ls.work_done_progress.create_async(token)
    except JsonRpcException:
        return  # the client changed its mind; loading goes on without
    ls.work_done_progress.begin(token, types.WorkDoneProgressBegin(title=notices.LOADING))
    await asyncio.wait([loading])
    is_loaded = not loading.cancelled() and loading.exception() is None
    message = notices.LOADED if is_loaded else notices.NOT_LOADED
    ls.work_done_progress.end(token, types.WorkDoneProgressEnd(message=message))
