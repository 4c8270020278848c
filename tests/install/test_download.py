import filelock
import pytest

from coder_lsp.errors import InstallError
from coder_lsp.install.download import (
    DownloadRecord,
    download,
    is_complete,
    num_missing_bytes,
    recorded_download,
)
from coder_lsp.install.network_errors import ConnectionBroken
from tests.install.conftest import REPOSITORY
from tests.support.stand_in_hub import COMMIT, LATER_COMMIT, spoiled

BROKEN = 50 * 1024


@pytest.fixture
def repository(hub):
    return hub.describe(REPOSITORY, "main")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "download"


@pytest.fixture
def fetch(hub, repository, folder):
    """Download, and return how far it had come each time that something came."""

    def run():
        told = []
        download(lambda: hub, repository, "main", folder, told.append)
        return told

    return run


def check_complete(folder, checkpoint):
    for path in checkpoint.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert not list(folder.glob("*.part"))


def test_everything_that_an_export_needs_is_fetched_and_nothing_else(
    fetch, repository, folder, checkpoint
):
    told = fetch()

    check_complete(folder, checkpoint)
    assert told == sorted(told)
    assert told[-1] == repository.size
    kept = {path.name for path in folder.iterdir()} - {"download.json", "download.lock"}
    assert kept == {path.name for path in checkpoint.iterdir()}


def test_what_is_there_is_not_fetched_again(fetch, stand_in, repository, folder):
    fetch()
    stand_in.asked.clear()

    assert num_missing_bytes(repository, folder) == 0
    assert fetch()[-1] == repository.size
    assert stand_in.asked == []


def test_a_connection_that_breaks_half_way_is_gone_on_from(
    small_chunks, fetch, stand_in, folder, checkpoint
):
    stand_in.faults.break_at = [BROKEN]
    told = fetch()

    check_complete(folder, checkpoint)
    assert told == sorted(told)
    assert stand_in.of_weights == [
        "store GET /model.safetensors",
        f"store GET /model.safetensors bytes={BROKEN}-",
    ]


def test_a_second_run_goes_on_where_the_first_stopped(
    small_chunks, fetch, stand_in, repository, folder, checkpoint
):
    stand_in.faults.break_at = [BROKEN, *[0] * 12]
    with pytest.raises(ConnectionBroken, match="run the same command again: it continues"):
        fetch()
    missing = num_missing_bytes(repository, folder)
    assert missing == (checkpoint / "model.safetensors").stat().st_size - BROKEN
    stand_in.faults.break_at = []
    stand_in.asked.clear()
    told = fetch()

    check_complete(folder, checkpoint)
    assert stand_in.of_weights == [f"store GET /model.safetensors bytes={BROKEN}-"]
    assert min(told[-3:]) > repository.size - missing


@pytest.mark.parametrize(
    ("name", "kind"), [("model.safetensors", "sha256"), ("config.json", "git's sha1")]
)
def test_a_damaged_file_is_refused_and_fetched_again(
    name, kind, fetch, stand_in, folder, checkpoint
):
    stand_in.faults.corrupt = {name}
    with pytest.raises(InstallError, match=f"{name} came damaged: its {kind} should be"):
        fetch()
    assert not (folder / name).exists()
    stand_in.faults.corrupt = set()
    fetch()

    check_complete(folder, checkpoint)


def test_a_part_that_was_spoiled_meanwhile_is_found_out(
    small_chunks, fetch, stand_in, folder, checkpoint
):
    stand_in.faults.break_at = [BROKEN, *[0] * 12]
    with pytest.raises(ConnectionBroken):
        fetch()
    [part] = folder.glob("model.safetensors.*.part")
    part.write_bytes(bytes(BROKEN))
    stand_in.faults.break_at = []

    with pytest.raises(InstallError, match=r"model\.safetensors came damaged"):
        fetch()
    fetch()
    check_complete(folder, checkpoint)


def test_a_branch_that_moves_between_two_runs_does_not_mix_its_files(
    hub, stand_in, repository, folder
):
    folder.mkdir()
    DownloadRecord(repository, "main", {}).write(folder)
    stand_in.commits.append(LATER_COMMIT)

    assert hub.describe(REPOSITORY, "main").commit == LATER_COMMIT
    assert recorded_download(folder, "main") == repository
    assert repository.commit == COMMIT
    assert recorded_download(folder, "v2") is None


def test_files_of_another_commit_are_fetched_anew(
    hub, fetch, stand_in, repository, folder, checkpoint
):
    fetch()
    stand_in.files["config.json"] = spoiled(stand_in.files["config.json"])  # of the same size
    stand_in.commits.append(LATER_COMMIT)
    stand_in.asked.clear()
    download(
        lambda: hub, hub.describe(REPOSITORY, LATER_COMMIT), LATER_COMMIT, folder, lambda _: None
    )

    assert (folder / "config.json").read_bytes() == stand_in.files["config.json"]
    assert stand_in.of_weights == []


def test_a_damaged_record_costs_a_download_and_no_more(fetch, stand_in, folder, checkpoint):
    fetch()
    (folder / "download.json").write_text('{"verified": 3}')
    fetch()

    check_complete(folder, checkpoint)


def test_two_installations_of_the_same_do_not_meet(fetch, folder):
    folder.mkdir()
    with (
        filelock.FileLock(folder / "download.lock"),
        pytest.raises(InstallError, match="Another coder-lsp install"),
    ):
        fetch()


def test_a_folder_that_cannot_be_written_is_told(fetch, folder):
    folder.write_text("a file stands here")

    with pytest.raises(InstallError, match="cannot be written to"):
        fetch()


def test_an_endless_file_does_not_fill_the_disk(fetch, stand_in, folder):
    """What is sent is limited by what was announced, also where the sums cannot agree."""
    stand_in.faults.appended = {"config.json": bytes(5000)}

    with pytest.raises(InstallError, match=r"More came of config\.json than the \d+ bytes"):
        fetch()
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5000


def test_a_size_that_is_not_listed_is_asked_for(hub, stand_in, folder, checkpoint):
    stand_in.faults.unsized = {"config.json", "model.safetensors"}
    repository = hub.describe(REPOSITORY, "main")
    download(lambda: hub, repository, "main", folder, lambda _: None)

    check_complete(folder, checkpoint)


def test_a_second_process_does_not_write_the_record_of_the_first(fetch, folder):
    folder.mkdir()
    with filelock.FileLock(folder / "download.lock"), pytest.raises(InstallError):
        fetch()

    assert not (folder / "download.json").exists()


def test_a_complete_download_asks_nobody(fetch, repository, folder, stand_in):
    fetch()

    def no_hub():
        raise AssertionError("asked")

    assert is_complete(repository, folder)
    download(no_hub, repository, "main", folder, lambda _: None)
