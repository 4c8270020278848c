"""The server's settings as VS Code's manifest declares them.

``python -m tests.editors.vscode.manifest`` writes them into ``editors/vscode/package.json``.
"""

import json
from pathlib import Path
from typing import Any

from coder_lsp.languages import LANGUAGES
from coder_lsp.settings import SECTION, SETTINGS, Setting

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
        f"{SECTION}.{setting.key}": _property(setting) for setting in SETTINGS.values()
    }
    return manifest


def _property(setting: Setting) -> dict[str, Any]:
    return {
        **_type(setting),
        "default": setting.default,
        "scope": setting.about.scope,
        "description": setting.about.doc,
    }


def _type(setting: Setting) -> dict[str, Any]:
    if setting.choices:
        return {"type": "string", "enum": list(setting.choices)}
    if setting.kind is int:
        minimum, maximum = setting.about.numbers
        return {
            "type": "integer",
            "minimum": 0 if setting.about.is_automatic else minimum,
            "maximum": maximum,
        }
    return {"type": {bool: "boolean", str: "string"}[setting.kind]}


if __name__ == "__main__":
    PATH.write_text(
        json.dumps(expected_manifest(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
