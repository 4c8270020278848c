"""A real server, and the default model that the user chooses while it runs."""

import json
import shutil
from pathlib import Path

import pytest

from coder_lsp.models.installed_models import embedded_model_path, set_default_model
from coder_lsp.paths import models_path
from tests.support.editor import connect


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path))


def put_model(name: str) -> None:
    folder = shutil.copytree(embedded_model_path(), models_path() / name)
    manifest = json.loads((folder / "coder_lsp.json").read_text())
    (folder / "coder_lsp.json").write_text(json.dumps({**manifest, "name": name}))


@pytest.mark.asyncio
async def test_a_new_default_is_taken_at_the_next_load_and_told() -> None:
    async with connect() as editor:
        position = editor.open("def add(first, second):\n    return first‸")
        await editor.inline(position)
        put_model("other")
        set_default_model("other")
        await editor.execute("coder-lsp.restartModel")
        await editor.wait_until(lambda: bool(editor.shown))

        assert editor.shown == ["coder-lsp now completes with other, the default model."]
        assert (await editor.stats())["backend"]["model"] == "other"


@pytest.mark.asyncio
async def test_the_setting_and_the_option_win_over_the_default() -> None:
    put_model("other")
    set_default_model("other")
    async with connect(settings={"model": "embedded"}) as editor:
        assert (await editor.inline(editor.open("x = ‸"))) is not None
        assert (await editor.stats())["backend"]["model"] == "mini"
    async with connect("--model", "embedded") as editor:
        assert (await editor.inline(editor.open("x = ‸"))) is not None
        assert (await editor.stats())["backend"]["model"] == "mini"
