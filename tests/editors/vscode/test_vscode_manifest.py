import re

from coder_lsp import __version__
from tests.editors.vscode.manifest import PATH, expected_manifest, machine_settings, read_manifest

SOURCES = PATH.parent / "src"


def test_the_settings_are_the_servers():
    assert read_manifest() == expected_manifest(), "run python -m tests.editors.vscode.manifest"


def test_the_extension_has_the_servers_version():
    assert read_manifest()["version"] == __version__


def test_own_settings_are_told_apart():
    own, _ = read_manifest()["contributes"]["configuration"]
    source = (SOURCES / "serverSettings.ts").read_text(encoding="utf-8")
    listed = re.search(r"OWN_SETTINGS = \[(.*?)\]", source, re.DOTALL)[1]

    assert {f"coder-lsp.{name}" for name in re.findall(r"'(.*?)'", listed)} == set(
        own["properties"]
    )


def test_no_workspace_can_choose_what_is_run():
    names = ("path", "model", "backend", "script", "install.source", "install.extra")

    assert {f"coder-lsp.{name}" for name in names} <= machine_settings()


def test_every_command_is_declared_and_implemented():
    declared = {c["command"] for c in read_manifest()["contributes"]["commands"]}
    source = (SOURCES / "commands.ts").read_text(encoding="utf-8")

    assert declared == set(re.findall(r"^  '(coderLsp\.\w+)':", source, re.MULTILINE))


def test_the_lock_file_names_no_host():
    assert '"resolved"' not in (PATH.parent / "package-lock.json").read_text(encoding="utf-8")
