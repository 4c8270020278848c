"""Messages as clients really send them, made into what the specification says.

lsprotocol refuses a message as a whole if one value is unknown to it, and a refused notification
leaves the server with another text than the editor has. So what the server does not need is left
out before a message is read, and what may be left out may also be null.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lsprotocol import types

from coder_lsp.documents.open_document import without_surrogates

Json = Any
"""Any value that JSON can carry."""

_FREE_FIELDS = frozenset(("settings", "initializationOptions", "arguments", "experimental"))
"""Fields whose content is not LSP's: a null in them may mean something."""
_UNKNOWN_KIND = -1
"""Taken for automatic, whichever way the client counts the kinds."""
_LANGUAGE_ID_OF_NO_LANGUAGE = "plaintext"

_DOCUMENT_DEFAULTS: Mapping[Json, Mapping[str, Json]] = MappingProxyType(
    {
        types.TEXT_DOCUMENT_DID_OPEN: {"version": 0, "languageId": _LANGUAGE_ID_OF_NO_LANGUAGE},
        types.TEXT_DOCUMENT_DID_CHANGE: {"version": 0},
    }
)


def tolerant(message: dict[str, Json]) -> dict[str, Json]:
    """Return a request or notification without what the server does not need to understand."""
    method, params = message.get("method"), _clean(message.get("params"))
    if method == types.INITIALIZE:
        params = _initialize_params(params if isinstance(params, dict) else {})
    elif isinstance(params, dict):
        params = _with_defaults(method, params)
    return {**message, "params": params} if params is not None else message


def _clean(value: Json) -> Json:
    """Leave out nulls, and replace halves of surrogate pairs, which no encoder takes."""
    if isinstance(value, str):
        return value if value.isascii() else without_surrogates(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {
            name: item if name in _FREE_FIELDS else _clean(item)
            for name, item in value.items()
            if item is not None or name in _FREE_FIELDS
        }
    return value


def _with_defaults(method: Json, params: dict[str, Json]) -> dict[str, Json]:
    if method == types.TEXT_DOCUMENT_COMPLETION:
        # How the popup came up does not matter, so an unknown way must not stop it.
        return {name: value for name, value in params.items() if name != "context"}
    if method == types.TEXT_DOCUMENT_INLINE_COMPLETION:
        return {**params, "context": {"triggerKind": _UNKNOWN_KIND, **_object(params, "context")}}
    if method == types.WORKSPACE_DID_CHANGE_CONFIGURATION:
        return {"settings": None, **params}  # null means that the client wants to be asked
    document = params.get("textDocument")
    defaults = _DOCUMENT_DEFAULTS.get(method) if isinstance(method, str) else None
    if defaults is None or not isinstance(document, dict):
        return params
    return {**params, "textDocument": {**defaults, **document}}


def _initialize_params(params: dict[str, Json]) -> dict[str, Json]:
    """Return the few facts of ``initialize`` that the server uses, if they are well formed."""
    sent = _object(params, "capabilities")
    encodings = _object(sent, "general").get("positionEncodings")
    capabilities: dict[str, Json] = {
        "window": {"workDoneProgress": _object(sent, "window").get("workDoneProgress") is True},
        "workspace": {"configuration": _object(sent, "workspace").get("configuration") is True},
    }
    if isinstance(encodings, list):
        known = [e for e in encodings if isinstance(e, str)]
        capabilities["general"] = {"positionEncodings": known}
    if isinstance(sent.get("experimental"), dict):
        capabilities["experimental"] = sent["experimental"]
    process_id = params.get("processId")
    reduced: dict[str, Json] = {
        "processId": process_id if type(process_id) is int else None,
        "rootUri": None,
        "capabilities": capabilities,
        "initializationOptions": params.get("initializationOptions"),
    }
    name = _object(params, "clientInfo").get("name")
    if isinstance(name, str):
        reduced["clientInfo"] = {"name": name}
    return reduced


def _object(parent: dict[str, Json], name: str) -> dict[str, Json]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}
