"""What a plan says before anything is done; carrying it out is tested by the command."""

import json
import shutil

import pytest

from coder_lsp.errors import FormatError, InstallError
from coder_lsp.install import inspection, peek, planning
from coder_lsp.install.download import download
from coder_lsp.install.hub import Hub
from coder_lsp.install.inspection import Inspection
from coder_lsp.install.installation import Plan, Request
from coder_lsp.install.planning import make_plan
from coder_lsp.install.repository import PINNED_COMMITS
from coder_lsp.models.installed_models import Origin, embedded_model_path
from coder_lsp.paths import downloads_path, models_path
from testing.tiny_gguf import tiny_gguf
from tests.install.conftest import REPOSITORY
from tests.support.ollama_folder import OllamaFolder
from tests.support.stand_in_hub import COMMIT, LATER_COMMIT, stand_in_hub

KNOWN = "deepseek-ai/DeepSeek-Coder-V2-Lite-Base"
FOUND = Inspection(
    name="Tiny",
    license="unknown",
    model_type="deepseek_v2",
    num_parameters=1_000_000,
    num_active_parameters=1_000_000,
    vocab_size=320,
    hidden_size=64,
    num_hidden_layers=3,
    context_length=2048,
    cache_bytes_per_token=96,
    size_bytes=None,
    has_fim=True,
    is_instruct=False,
    default_precision="int4",
    problem=None,
)


@pytest.fixture(autouse=True)
def inspected(monkeypatch):
    """What the exporter was asked about; starting it takes a second."""
    asked = []
    monkeypatch.setattr(planning, "inspect", lambda path: (asked.append(path), FOUND)[1])
    return asked


def no_hub():
    raise AssertionError("asked")


def plan_for(hub, source, precision=None, **fields):
    request = Request(str(source), precision, fields.pop("target", "cpu"), **fields)
    return make_plan(request, hub)


def test_a_plan_names_all_that_a_user_agrees_to(stand_in, checkpoint):
    plan = plan_for(lambda: Hub(stand_in.url), REPOSITORY)
    size = sum(path.stat().st_size for path in checkpoint.iterdir())

    assert (plan.name, plan.license) == ("Tiny-Coder-Base-int4", "deepseek-license")
    assert plan.model_folder == models_path() / plan.name
    assert plan.weights == downloads_path() / "deepseek-ai" / "Tiny-Coder-Base"
    assert (plan.download_bytes, plan.repository.commit) == (size, COMMIT)
    assert plan.needed_bytes > plan.download_bytes + plan.output_bytes
    assert not downloads_path().exists()  # nothing was written
    assert stand_in.of_weights == []


def test_more_bits_take_more_room(checkpoint):
    sizes = [plan_for(no_hub, checkpoint, p).output_bytes for p in ("int4", "int8", "fp16", "fp32")]

    assert sizes == sorted(set(sizes))


def test_what_an_interrupted_export_left_needs_no_room_again(checkpoint):
    before = plan_for(no_hub, checkpoint).needed_bytes
    partial = models_path() / "Tiny-Coder-Base-int4.partial"
    partial.mkdir(parents=True)
    (partial / "model.onnx.data").write_bytes(bytes(1000))

    assert plan_for(no_hub, checkpoint).needed_bytes == before - 1000


def check_asked(stand_in, source, revision, asked):
    plan_for(lambda: Hub(stand_in.url), source, revision=revision)

    assert str(stand_in.asked[0]) == f"hub GET /api/models/{source}/revision/{asked}?blobs=true"
    stand_in.asked.clear()


def test_a_known_repository_is_asked_for_its_known_commit(checkpoint):
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    with stand_in_hub(KNOWN, files) as stand_in:
        stand_in.commits.append(PINNED_COMMITS[KNOWN])
        check_asked(stand_in, KNOWN, None, PINNED_COMMITS[KNOWN])
        check_asked(stand_in, KNOWN, "main", "main")
        stand_in.commits.pop()
        with pytest.raises(InstallError, match=f"no revision {PINNED_COMMITS[KNOWN]}.*--revision"):
            plan_for(lambda: Hub(stand_in.url), KNOWN)


def test_another_repository_is_asked_for_main(stand_in):
    check_asked(stand_in, REPOSITORY, None, "main")


def test_local_sources_are_planned_without_asking_anyone(checkpoint, tmp_path):
    gguf = tmp_path / "Tiny Coder.gguf"
    gguf.write_bytes(b"GGUF")

    assert plan_for(no_hub, checkpoint).repository is None
    assert plan_for(no_hub, gguf).name == "Tiny-Coder-int4"


def install_as(name, source, commit, **changes):
    """Put a model into the user's folder as if it had been installed."""
    folder = shutil.copytree(embedded_model_path(), models_path() / name)
    manifest = json.loads((embedded_model_path() / "coder_lsp.json").read_text())
    (folder / "coder_lsp.json").write_text(json.dumps({**manifest, **changes}))
    Origin(source, commit).write(folder)
    return folder


def test_what_is_installed_is_known_without_hub_exporter_and_network(inspected):
    install_as("Tiny-Coder-Base-int4", REPOSITORY, COMMIT, precision="int4")

    for fields in ({}, {"precision": "int4"}, {"revision": COMMIT}):
        assert plan_for(no_hub, REPOSITORY, **fields) == "Tiny-Coder-Base-int4"
    assert inspected == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"target": "cuda"}, "Tiny-Coder-Base-int4-cuda"),
        ({"precision": "int8"}, "Tiny-Coder-Base-int8"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_what_was_installed_otherwise_is_installed_again(stand_in, fields, name):
    install_as("Tiny-Coder-Base-int4", REPOSITORY, COMMIT, precision="int4")
    plan = plan_for(lambda: Hub(stand_in.url), REPOSITORY, **fields)

    assert isinstance(plan, Plan)
    assert plan.name == name


@pytest.mark.parametrize(
    ("source", "commit", "changes", "fields"),
    [
        (REPOSITORY, COMMIT, {"precision": "int4"}, {"revision": LATER_COMMIT}),
        ("someone/else", COMMIT, {"precision": "int4"}, {}),
        (REPOSITORY, COMMIT, {"precision": "int4", "target": "cuda"}, {}),
        (REPOSITORY, COMMIT, {"precision": "int8"}, {"precision": "int4"}),
        (REPOSITORY, COMMIT, {"precision": "int4", "cache": 3}, {}),
    ],
)
def test_another_model_of_the_same_name_is_never_taken_for_it(
    stand_in, source, commit, changes, fields
):
    stand_in.commits.append(LATER_COMMIT)
    install_as("Tiny-Coder-Base-int4", source, commit, **changes)

    with pytest.raises(InstallError, match=r"There is a model (.|\n)*(--name|--remove)"):
        plan_for(lambda: Hub(stand_in.url), REPOSITORY, **fields)


def test_a_damaged_model_is_not_installed_and_the_way_out_is_named(checkpoint):
    plan = plan_for(no_hub, checkpoint)
    origin = plan.origin
    folder = install_as(plan.name, origin.repository, origin.commit, precision="int4")
    assert plan_for(no_hub, checkpoint) == plan.name
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(InstallError, match=rf"damaged: .*tokenizer(.|\n)*--remove {plan.name}"):
        plan_for(no_hub, checkpoint)


def test_a_changed_file_is_another_source(checkpoint, tmp_path):
    gguf = tmp_path / "tiny.gguf"
    gguf.write_bytes(b"GGUF")
    plan = plan_for(no_hub, gguf)
    install_as("tiny-int4", plan.origin.repository, plan.origin.commit, precision="int4")
    assert plan_for(no_hub, gguf) == "tiny-int4"
    gguf.write_bytes(b"GGUF and more")

    with pytest.raises(InstallError, match="There is a model tiny-int4 already"):
        plan_for(no_hub, gguf)


def test_a_complete_download_needs_no_hub(stand_in):
    plan = plan_for(lambda: Hub(stand_in.url), REPOSITORY)
    download(
        lambda: Hub(stand_in.url), plan.repository, "main", plan.download_folder, lambda _: None
    )
    again = plan_for(no_hub, REPOSITORY)

    assert (again.repository, again.download_bytes) == (plan.repository, 0)


def test_a_model_that_cannot_complete_is_refused_before_anything_is_fetched(stand_in, monkeypatch):
    problem = "The tokenizer has no FIM tokens. Choose another model."
    unusable = Inspection(**{f: getattr(FOUND, f) for f in FOUND.__slots__} | {"problem": problem})
    monkeypatch.setattr(planning, "inspect", lambda path: unusable)

    with pytest.raises(InstallError, match="no FIM tokens"):
        plan_for(lambda: Hub(stand_in.url), REPOSITORY)
    assert (stand_in.of_weights, downloads_path().exists()) == ([], False)


def test_an_instruct_model_is_told_with_its_base(monkeypatch, tmp_path):
    instruct = Inspection(**{f: getattr(FOUND, f) for f in FOUND.__slots__} | {"is_instruct": True})
    monkeypatch.setattr(planning, "inspect", lambda path: instruct)
    known, unknown = tmp_path / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", tmp_path / "x.gguf"
    known.write_bytes(b"GGUF")
    unknown.write_bytes(b"GGUF")

    assert "coder-lsp install Qwen/Qwen2.5-Coder-0.5B" in plan_for(no_hub, known).notes[0]
    assert "of the same name" in plan_for(no_hub, unknown).notes[0]


def test_a_gguf_file_in_a_repository_is_planned_by_its_head(stand_in, inspected):
    stand_in.files["Q4/Tiny-Q4_0.gguf"] = b"GGUF" + bytes(500)
    plan = plan_for(lambda: Hub(stand_in.url), f"{REPOSITORY}:Q4/Tiny-Q4_0.gguf")

    assert plan.name == "Tiny-Q4_0-int4"
    assert [file.name for file in plan.repository.files] == ["README.md", "Q4/Tiny-Q4_0.gguf"]
    assert plan.weights.name == "Tiny-Q4_0.gguf"
    assert not downloads_path().exists()


def test_every_part_of_a_split_gguf_file_is_fetched(stand_in):
    for number in (1, 2):
        stand_in.files[f"tiny-0000{number}-of-00002.gguf"] = b"GGUF" + bytes(number)
    plan = plan_for(lambda: Hub(stand_in.url), f"{REPOSITORY}:tiny-00001-of-00002.gguf")

    assert plan.name == "tiny-int4"
    assert [file.name for file in plan.repository.weights] == [
        "tiny-00001-of-00002.gguf",
        "tiny-00002-of-00002.gguf",
    ]
    del stand_in.files["tiny-00002-of-00002.gguf"]
    with pytest.raises(InstallError, match=r"holds no file tiny-00002-of-00002\.gguf"):
        plan_for(lambda: Hub(stand_in.url), f"{REPOSITORY}:tiny-00001-of-00002.gguf")


def test_what_an_index_does_not_name_is_not_fetched(stand_in):
    weights = stand_in.files.pop("model.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    stand_in.files |= {
        "model-00001-of-00001.safetensors": weights,
        "consolidated.safetensors": weights,
        "model.safetensors.index.json": json.dumps(index).encode(),
    }
    plan = plan_for(lambda: Hub(stand_in.url), REPOSITORY)

    assert [f.name for f in plan.repository.weights] == ["model-00001-of-00001.safetensors"]


def test_beside_a_single_file_other_weights_are_not_fetched(stand_in):
    stand_in.files["consolidated.safetensors"] = stand_in.files["model.safetensors"]
    plan = plan_for(lambda: Hub(stand_in.url), REPOSITORY)

    assert [f.name for f in plan.repository.weights] == ["model.safetensors"]


@pytest.mark.parametrize(
    "index",
    [b"[]", b"{", b'{"weight_map": []}', b'{"weight_map": {}}', b'{"weight_map": {"a": "b"}}'],
)
def test_an_index_that_cannot_be_is_told(stand_in, index):
    stand_in.files["model.safetensors.index.json"] = index

    with pytest.raises((InstallError, FormatError), match=r"model\.safetensors\.index"):
        plan_for(lambda: Hub(stand_in.url), REPOSITORY)


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE\\..\\..\\Startup\\x.bat",
        "C:x.safetensors",
        "\\\\host\\share\\x.safetensors",
        "LICENSE\x1b[2J",
        "LICENSE:stream",
        "LICENSE.",
        "LICENSE\0",
        "x\r\ny.safetensors",
    ],
)
def test_a_name_that_leads_elsewhere_on_some_system_is_refused(stand_in, name):
    """On Windows these write into other folders, ask other machines, or hide what they are."""
    stand_in.files[name] = b"content"

    with pytest.raises(InstallError, match="Do not trust this repository"):
        plan_for(lambda: Hub(stand_in.url), REPOSITORY)
    assert not downloads_path().exists()


@pytest.mark.parametrize("name", ["../x.gguf", "a/../../x.gguf", "C:\\x.gguf", "a\\b.gguf"])
def test_a_gguf_name_that_leads_elsewhere_is_refused(stand_in, name):
    stand_in.files[name] = b"GGUF"

    with pytest.raises(InstallError, match="Do not trust this repository"):
        plan_for(lambda: Hub(stand_in.url), f"{REPOSITORY}:{name}")


@pytest.mark.parametrize(
    "license_",
    [
        None,
        3,
        ["mit", "apache-2.0"],
        {"a": 1},
        "other: mine",
        "x\x1b[2J",
        "\u202etim",
        "",
        "m" * 200,
    ],
)
def test_a_licence_that_is_no_plain_name_is_unknown(stand_in, license_):
    stand_in.card = {"license": license_}

    assert plan_for(lambda: Hub(stand_in.url), REPOSITORY).license == "unknown"


def test_a_model_of_ollama_is_planned_from_its_blob(tmp_path):
    blob = OllamaFolder(tmp_path / "ollama").add("tiny:1b-base", b"GGUF")
    plan = plan_for(no_hub, "ollama:tiny:1b-base")

    assert (plan.name, plan.weights, plan.license) == ("tiny-1b-base-int4", blob, "Apache License")


def test_what_stands_for_no_source_is_told(tmp_path, stand_in):
    for source, message in [
        ("Lite", "neither a file, a folder nor a repository: expected"),
        ("", "names no model"),
        ("./gone.gguf", "no file or folder gone.gguf"),
        ("/gone", "no file or folder /gone"),
        ("a/b.gguf", "no file a/b.gguf"),
        ("a/b:model.bin", "no GGUF file"),
        ("ollama:", "names no model of Ollama"),
        ("ollama:../../x:y", "Ollama has no model|no model of Ollama"),
        ("ollama:gone", "ollama pull gone:latest"),
        ("x\x1b[2J", "names no model"),
    ]:
        with pytest.raises(InstallError, match=message):
            plan_for(no_hub, source)


def test_of_a_gguf_file_only_the_head_is_looked_at_before_the_user_is_asked(
    stand_in, checkpoint, tmp_path, monkeypatch
):
    content = tiny_gguf(checkpoint).write(tmp_path / "x.gguf").read_bytes()
    stand_in.files["tiny.gguf"] = content
    monkeypatch.setattr(peek, "_HEAD_BYTES", len(content) // 2)
    monkeypatch.setattr(planning, "inspect", inspection.inspect)
    plan = plan_for(lambda: Hub(stand_in.url), f"{REPOSITORY}:tiny.gguf")

    assert plan.inspection.has_fim
    assert plan.inspection.size_bytes == len(content)
    assert plan.download_bytes > len(content)
