"""``initialize`` and ``initialized``: take the options in, load the model in the background."""

import asyncio
import logging

from lsprotocol import types

from coder_lsp.lsp.capabilities import client_capabilities
from coder_lsp.lsp.client_traits import client_traits
from coder_lsp.lsp.configuration import tell_problems
from coder_lsp.lsp.editor_process import find_process, wait_for_end
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.loading import load_if_wanted
from coder_lsp.lsp.logs import set_log_level

_log = logging.getLogger(__name__)


def initialize(ls: CoderServer, params: types.InitializeParams) -> None:
    """Take in capabilities and options; pygls answers, with the position encoding it chose."""
    ls.client = client_capabilities(params.capabilities)
    if params.client_info is not None:
        name = params.client_info.name
        ls.session.tally.editor = name
        ls.trigger_kinds.expect(name, announces_status=ls.client.shows_status)
        ls.session.tells_acceptance = client_traits(name).tells_acceptance
    ls.session.initialize_settings(params.initialization_options)
    set_log_level(ls.session.settings.log_level)


def initialized(ls: CoderServer, params: types.InitializedParams) -> None:
    """Say what was wrong with the options, and load the model unless completions are off."""
    del params
    tell_problems(ls, ls.session.initial_problems)
    ls.switch.turn(on=ls.session.settings.enabled)
    ls.start(_end_with_editor(ls))
    load_if_wanted(ls)


async def _end_with_editor(ls: CoderServer) -> None:
    """End the connection when the editor's process has ended."""
    process = await asyncio.to_thread(find_process, ls.process_id)
    if process is not None:
        await wait_for_end(process)
        _log.info("The editor's process has ended")
        ls.protocol.end()
