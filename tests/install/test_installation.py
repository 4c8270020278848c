"""What a plan says before anything is done; carrying it out is tested by the command."""

import pytest

from coder_lsp.errors import InstallError
from coder_lsp.install import installation
from coder_lsp.install.hub import Hub
from coder_lsp.install.installation import Request, is_installed, make_plan
from coder_lsp.install.repository import PINNED_COMMITS
from coder_lsp.paths import downloads_path, models_path
from tests.install.conftest import REPOSITORY
from tests.support.stand_in_hub import COMMIT, stand_in_hub

KNOWN = "deepseek-ai/DeepSeek-Coder-V2-Lite-Base"


@pytest.fixture(autouse=True)
def exporter(monkeypatch):
    """The exporter is there; looking for it takes a second."""
    monkeypatch.setattr(installation, "require_exporter", lambda: None)


def plan_for(hub, source, precision="int4", revision=None):
    return make_plan(Request(str(source), precision, "cpu", revision), hub)


def test_a_plan_names_all_that_a_user_agrees_to(hub, stand_in, checkpoint):
    plan = plan_for(hub, REPOSITORY)
    size = sum(path.stat().st_size for path in checkpoint.iterdir())

    assert (plan.name, plan.license) == ("Tiny-Coder-Base-int4", "deepseek-license")
    assert plan.model_folder == models_path() / plan.name
    assert plan.checkpoint == downloads_path() / "deepseek-ai" / "Tiny-Coder-Base"
    assert (plan.download_bytes, plan.repository.commit) == (size, COMMIT)
    assert plan.needed_bytes > plan.download_bytes + plan.output_bytes
    assert not is_installed(plan)
    assert not downloads_path().exists()  # nothing was written


def test_more_bits_take_more_room(hub, stand_in):
    sizes = [plan_for(hub, REPOSITORY, p).output_bytes for p in ("int4", "int8", "fp16", "fp32")]

    assert sizes == sorted(set(sizes))


def test_what_an_interrupted_export_left_needs_no_room_again(hub, stand_in):
    before = plan_for(hub, REPOSITORY).needed_bytes
    partial = models_path() / "Tiny-Coder-Base-int4.partial"
    partial.mkdir(parents=True)
    (partial / "model.onnx.data").write_bytes(bytes(1000))

    assert plan_for(hub, REPOSITORY).needed_bytes == before - 1000


def check_asked(stand_in, source, revision, asked):
    plan_for(Hub(stand_in.url), source, revision=revision)

    assert str(stand_in.asked[-1]) == f"hub GET /api/models/{source}/revision/{asked}?blobs=true"


def test_a_known_repository_is_asked_for_its_known_commit(checkpoint):
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    with stand_in_hub(KNOWN, files) as stand_in:
        stand_in.commits.append(PINNED_COMMITS[KNOWN])
        check_asked(stand_in, KNOWN, None, PINNED_COMMITS[KNOWN])
        check_asked(stand_in, KNOWN, "main", "main")
        stand_in.commits.pop()
        with pytest.raises(InstallError, match=f"no revision {PINNED_COMMITS[KNOWN]}.*--revision"):
            plan_for(Hub(stand_in.url), KNOWN)


def test_another_repository_is_asked_for_main(stand_in):
    check_asked(stand_in, REPOSITORY, None, "main")


def test_a_folder_is_planned_without_asking_anyone(hub, stand_in, checkpoint):
    plan = plan_for(hub, checkpoint)

    assert (plan.download_bytes, plan.repository, plan.license) == (0, None, "deepseek-license")
    assert stand_in.asked == []
