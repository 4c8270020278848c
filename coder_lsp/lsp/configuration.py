"""``workspace/didChangeConfiguration``: settings pushed by the client, or asked for."""

from collections.abc import Mapping
from typing import Any

from lsprotocol import types

from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.loading import load_backend, load_if_wanted
from coder_lsp.lsp.logs import set_log_level
from coder_lsp.settings import SECTION


async def did_change_configuration(
    ls: CoderServer, params: types.DidChangeConfigurationParams
) -> None:
    """Apply the settings. A client that pushes null has changed them and wants to be asked."""
    settings = params.settings
    if settings is None:
        if not ls.client.can_be_asked_for_settings:
            return
        item = types.ConfigurationItem(section=SECTION)
        answer = await ls.workspace_configuration_async(types.ConfigurationParams([item]))
        settings = answer[0] if answer else None
    elif _is_for_other_servers(settings):
        return
    was_enabled = ls.session.settings.enabled
    change = ls.session.change_settings(settings)
    set_log_level(ls.session.settings.log_level)
    tell_problems(ls, change.problems)
    enabled = ls.session.settings.enabled
    if enabled != was_enabled:  # a toggle lasts until the setting itself is changed
        ls.switch.turn(on=enabled)
    if change.needs_reload and ls.scheduler.has_been_loaded:
        await load_backend(ls)
    else:
        load_if_wanted(ls)


def tell_problems(ls: CoderServer, problems: tuple[str, ...]) -> None:
    """Show the user what is wrong with the settings."""
    for problem in problems:
        ls.tell(types.MessageType.Warning, problem)


def _is_for_other_servers(settings: Any) -> bool:
    """Whether there are sections in the settings, but not ours.

    Some editors send each server the sections of all of them. None of our settings is an object.
    """
    if not isinstance(settings, Mapping) or SECTION in settings:
        return False
    return bool(settings) and all(isinstance(value, Mapping) for value in settings.values())
