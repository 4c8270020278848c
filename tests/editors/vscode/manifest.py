"""The server's settings as VS Code's manifest declares them.

``python -m tests.editors.vscode.manifest`` writes them into ``editors/vscode/package.json``.
"""

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

from coder_lsp.languages import LANGUAGES
from coder_lsp.settings import SECTION, Settings, setting_key

PATH = Path(__file__).parents[3] / "editors" / "vscode" / "package.json"


def read_manifest() -> dict[str, Any]:
    """Return the manifest as it stands."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def machine_settings() -> set[str]:
    """Return the full names of the settings that a workspace may not change."""
    sections = read_manifest()["contributes"]["configuration"]
    properties = {
        key: value for section in sections for key, value in section["properties"].items()
    }
    return {key for key, value in properties.items() if value["scope"] == "machine"}


def expected_manifest() -> dict[str, Any]:
    """Return the manifest with the server's settings and languages as the server has them."""
    manifest = read_manifest()
    own, servers = manifest["contributes"]["configuration"]
    own["properties"][f"{SECTION}.languages"]["default"] = [language.id for language in LANGUAGES]
    servers["properties"] = {
        f"{SECTION}.{setting_key(field.name)}": _property(field)
        for field in dataclasses.fields(Settings)
    }
    return manifest


def _property(field: "dataclasses.Field[Any]") -> dict[str, Any]:
    kind = typing.get_type_hints(Settings)[field.name]
    return {
        **_type(kind, field.metadata["least"]),
        "default": field.default,
        "scope": "machine" if _is_of_the_machine(field.name, kind) else "window",
        "description": field.metadata["doc"],
    }


def _type(kind: Any, least: int) -> dict[str, Any]:
    if typing.get_origin(kind) is typing.Literal:
        return {"type": "string", "enum": list(typing.get_args(kind))}
    if kind is int:
        return {"type": "integer", "minimum": least}
    return {"type": {bool: "boolean", str: "string"}[kind]}


def _is_of_the_machine(name: str, kind: Any) -> bool:
    """Whether a workspace may not say it: free text names files, programs and hosts."""
    return kind is str or name in {"backend", "providers"}


if __name__ == "__main__":
    PATH.write_text(
        json.dumps(expected_manifest(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
