import json
import re
import shutil

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tests.training.families import tiny
from tests.training.tiny import untaught
from transformers import AutoModelForCausalLM

from nemoflow.errors import InputError
from nemoflow.training.merge import merge

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # PEFT 0.21 asks by the old name
TARGETS = {
    "llama": ["q_proj", "down_proj", "lm_head"],
    "nemotron_h": ["in_proj", "q_proj", "up_proj", "down_proj"],
    "mixtral": ["q_proj", "o_proj"],
}


def save_base(folder, family, dtype=torch.float32, tokenizer=None):
    tiny(family).to(dtype).save_pretrained(folder, max_shard_size="40KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder)
    return folder


def save_adapter(base, folder, family, **fields):
    """An adapter with random factors."""
    model = AutoModelForCausalLM.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS[family], task_type="CAUSAL_LM", **fields))
    torch.manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    adapted.save_pretrained(folder, save_embedding_layers=False)
    return folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def llama(tmp_path, tokenizer):
    base = save_base(tmp_path / "base", "llama", tokenizer=tokenizer)
    return base, save_adapter(base, tmp_path / "adapter", "llama")


@pytest.mark.parametrize(
    ("family", "dtype"), [("llama", torch.float32), ("llama", torch.bfloat16), ("nemotron_h", torch.float32), ("mixtral", torch.float16)]
)
def test_a_merged_model_is_that_of_peft_within_rounding(tmp_path, tokenizer, family, dtype):
    base = save_base(tmp_path / "base", family, dtype, tokenizer)
    adapter = save_adapter(base, tmp_path / "adapter", family, use_rslora=family == "mixtral")
    merged = merge(base, adapter, tmp_path / "merged")
    own = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").state_dict()
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).merge_and_unload().state_dict()
    assert own.keys() == theirs.keys()
    step = torch.finfo(dtype).eps
    for name, weight in theirs.items():
        torch.testing.assert_close(own[name].float(), weight.float(), rtol=2 * step, atol=2 * step)
    assert merged.modules == sum("lora_A" in name for name in load_file(adapter / "adapter_model.safetensors"))


def test_files_headers_and_weights_that_no_adapter_touches_stay_as_they_are(tmp_path, llama):
    base, adapter = llama
    merge(base, adapter, tmp_path / "merged")
    assert {path.name for path in base.iterdir()} == {path.name for path in (tmp_path / "merged").iterdir()}
    assert len(list(base.glob("*.safetensors"))) > 2
    touched = set(TARGETS["llama"])
    for path in base.iterdir():
        other = tmp_path / "merged" / path.name
        if path.suffix != ".safetensors":
            assert other.read_bytes() == path.read_bytes()
            continue
        before, after = load_file(path), load_file(other)
        assert list(before) == list(after)
        for name in before:
            assert torch.equal(before[name], after[name]) != (name.split(".")[-2] in touched)


def test_experts_one_by_one_are_merged_into_the_files_of_one_by_one_experts(tmp_path, tokenizer):
    base = save_base(tmp_path / "base", "nemotron_h", tokenizer=tokenizer)
    adapter = save_adapter(base, tmp_path / "adapter", "nemotron_h")
    weights = {name: weight for file in base.glob("*.safetensors") for name, weight in load_file(file).items()}
    name = next(name for name in weights if re.search(r"experts\.2\.up_proj\.weight", name))
    outputs, inputs = weights[name].shape
    key = name.replace("backbone", "model").removesuffix(".weight")
    a, b = torch.randn(4, inputs), torch.randn(outputs, 4)
    save_file(
        {f"base_model.model.{key}.lora_A.weight": a, f"base_model.model.{key}.lora_B.weight": b}, adapter / "adapter_model.safetensors"
    )
    merge(base, adapter, tmp_path / "merged")
    after = {key: weight for file in (tmp_path / "merged").glob("*.safetensors") for key, weight in load_file(file).items()}
    torch.testing.assert_close(after[name], weights[name] + 2 * b @ a)
    assert [other for other in weights if not torch.equal(weights[other], after[other])] == [name]


def test_nothing_is_left_of_a_merge_that_failed_but_a_folder_that_the_next_one_takes_away(tmp_path, llama):
    base, adapter = llama

    def killed(size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(base, adapter, tmp_path / "merged", killed)
    assert not (tmp_path / "merged").exists()
    merge(base, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged.part").exists()
    with pytest.raises(InputError, match="is there already"):
        merge(base, adapter, tmp_path / "merged")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("use_dora", True, "use_dora: True is more than a product"),
        ("rank_pattern", {"q_proj": 2}, "rank_pattern"),
        ("bias", "all", "bias: 'all'"),
        ("r", 0, "r 0 and lora_alpha 8: numbers above 0"),
        ("lora_alpha", None, "lora_alpha None"),
    ],
)
def test_an_adapter_that_is_more_than_two_factors_is_refused_by_its_field(tmp_path, llama, field, value, message):
    base, adapter = llama
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(InputError, match=re.escape(message)):
        merge(base, adapter, tmp_path / "merged")


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("base_model.model.model.layers.9.mlp.q_proj.lora_A.weight", (4, 32), "has no weight model.layers.9.mlp.q_proj.weight"),
        ("base_model.model.model.layers.0.mlp.experts.base_layer.lora_A.weight", (4, 32), "has no weight"),
        ("base_model.model.model.embed_tokens.lora_embedding_A", (4, 96), "is no lora_A or lora_B of one matrix"),
        ("base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight", (4, 32), "a lora_A and a lora_B of two dimensions"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", (4, 31), "its factors are"),
    ],
)
def test_a_factor_that_does_not_fit_the_model_is_named(tmp_path, llama, name, shape, message):
    base, adapter = llama
    file = adapter / "adapter_model.safetensors"
    save_file({**load_file(file), name: torch.zeros(shape)}, file)
    with pytest.raises(InputError, match=re.escape(message)):
        merge(base, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
