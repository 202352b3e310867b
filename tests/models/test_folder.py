import json

import pytest
from tests.models.handmade import numbers, write

from nemoflow.errors import InputError
from nemoflow.models.folder import NEEDED, NEEDED_OF_ADAPTER, VOCABULARIES, need_adapter, need_model

FILES = (*NEEDED, "tokenizer.json")


@pytest.fixture
def model(tmp_path):
    for name in FILES:
        (tmp_path / name).write_text(json.dumps({"model_type": "nemotron_h"}))
    write(tmp_path / "model.safetensors", {"a": numbers("F32", (2, 3))})
    return tmp_path


def test_a_whole_folder_passes(model):
    need_model(model, "m")


@pytest.mark.parametrize("name", [*FILES, "model.safetensors"])
def test_what_a_folder_lacks_is_named(model, name):
    (model / name).unlink()
    with pytest.raises(InputError, match=rf"^m: holds no {'[*]' if name.endswith('tensors') else name.partition('.')[0]}[^,]*; a model is"):
        need_model(model, "m")


@pytest.mark.parametrize("name", VOCABULARIES)
def test_any_of_the_usual_vocabularies_is_enough(model, name):
    (model / "tokenizer.json").rename(model / name)
    need_model(model, "m")


def test_torn_weights_are_named(model):
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"model\.safetensors: .*cut off"):
        need_model(model, "m")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_json_is_named(model, name):
    (model / name).write_text("{")
    with pytest.raises(InputError, match=rf"{name}: not valid JSON"):
        need_model(model, "m")


def test_an_adapter_is_its_config_and_its_weights(tmp_path):
    config, weights = (tmp_path / name for name in NEEDED_OF_ADAPTER)
    with pytest.raises(InputError, match=r"^a: holds no adapter_config\.json, no adapter_model\.safetensors; an adapter is"):
        need_adapter(tmp_path, "a")
    config.write_text("{}")
    write(weights, {"a": numbers("F32", (2, 3))})
    need_adapter(tmp_path, "a")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"adapter_model\.safetensors: .*cut off"):
        need_adapter(tmp_path, "a")
    config.write_text("[")
    with pytest.raises(InputError, match=r"adapter_config\.json: not valid JSON"):
        need_adapter(tmp_path, "a")


def test_an_index_names_weights_that_lie_beside_it(model):
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    with pytest.raises(InputError, match=r"gone\.safetensors: no such file"):
        need_model(model, "m")
