"""Our model against transformers; runs in the reference environment."""

# ruff: noqa: E402 (what imports torch comes after the test for it)

import json
from dataclasses import asdict, replace

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from training.errors import TrainingError
from training.model.deepseek import DeepSeek
from training.model.huggingface import load_huggingface, save_huggingface
from training.train.optimizer import Muon, orthogonalise

pytestmark = pytest.mark.reference


@pytest.fixture
def saved(tmp_path, smoke_recipe, folder):
    torch.manual_seed(3)
    model = DeepSeek(smoke_recipe.model).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    parameters = dict(model.named_parameters())
    card = {"recipe": "smoke", "tokens": 1, "step": 1}
    save_huggingface(tmp_path / "hf", model.shape, parameters, folder.tokenizer_path, card)
    return model, tmp_path / "hf"


def test_transformers_computes_the_same(saved):
    model, path = saved
    model.load_state_dict(load_huggingface(path, model.shape))
    theirs = transformers.DeepseekV2ForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    token_ids = torch.randint(0, model.shape.vocab_size, (2, 100))
    with torch.no_grad():
        expected, found = theirs(token_ids).logits, model(token_ids)

    assert expected.std() > 0.5
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_saved_model_comes_back_in_the_precision_of_the_checkpoint(saved):
    model, path = saved
    loaded = load_huggingface(path, model.shape)

    assert loaded.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(loaded[name], parameter, atol=1e-4, rtol=1e-2)


def test_another_shape_is_refused_by_name(saved):
    model, path = saved
    with pytest.raises(TrainingError, match="hidden_size is 64, the recipe has 128"):
        load_huggingface(path, replace(model.shape, hidden_size=128))


def test_the_configuration_tells_the_whole_shape(saved):
    model, path = saved
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))

    assert config.items() >= asdict(model.shape).items()


def test_muon_makes_a_matrix_nearly_orthogonal():
    singular_values = torch.linalg.svdvals(orthogonalise(torch.randn(3, 48, 96)))

    assert singular_values.min() > 0.5
    assert singular_values.max() < 1.3


def test_muon_goes_downhill():
    target = torch.randn(8, 8)
    parameter = torch.nn.Parameter(torch.zeros(8, 8))
    muon = Muon([parameter], momentum=0.9, decay=0.0)
    distances = []
    for _ in range(5):
        parameter.grad = None
        distance = (parameter - target).square().sum()
        distance.backward()
        muon.step(0.1)
        distances.append(distance.item())

    assert distances == sorted(distances, reverse=True)
