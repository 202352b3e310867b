"""LoRA on routed experts: what is trained is what is written, read back, merged, and what vLLM's names ask for."""

import json

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Params4bit
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tests.training.families import tiny

from nemoflow.errors import InputError
from nemoflow.models.expert_lora import PREFIX, WEIGHTS, adaptable, holds_experts, load_adapter, save_adapter, stack, teach, unstack
from nemoflow.models.experts import dense_experts
from nemoflow.submission.doctor import examine
from nemoflow.training.quantised import load_quantised

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
IDS = torch.arange(24)[None] * 7 % 90
RANK = 4


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    tiny("nemotron_h").save_pretrained(folder)
    return folder


def adapted(model, others=("in_proj", "q_proj")):
    """A model with an adapter that changes what it says."""
    config = LoraConfig(r=RANK, lora_alpha=8, target_modules=[*others, *adaptable(model)], task_type="CAUSAL_LM")
    teach(config, model)
    torch.manual_seed(0)
    model = get_peft_model(model, config).train()
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.2)
    return model


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


def test_a_fresh_adapter_changes_nothing_and_only_it_is_trainable():
    model, config = tiny("nemotron_h"), LoraConfig(r=RANK, task_type="CAUSAL_LM")
    before, config.target_modules = logits(model), list(adaptable(model))
    teach(config, model)
    model = get_peft_model(model, config)
    assert torch.equal(logits(model), before)
    assert {name.rpartition(".")[0] for name, weight in model.named_parameters() if weight.requires_grad} == {
        f"base_model.model.model.layers.3.mixer.experts.{part}_proj_lora_{side}" for part in ("up", "down") for side in "AB"
    }


def test_every_part_of_the_adapter_learns():
    model = adapted(tiny("nemotron_h"))
    model(input_ids=IDS, labels=IDS).loss.backward()
    assert all(weight.grad.abs().max() > 0 for name, weight in model.named_parameters() if weight.requires_grad and "experts" in name)


def test_an_adapter_is_what_each_expert_alone_would_add():
    model = adapted(tiny("nemotron_h"), others=())
    expected, layer = logits(model), model.base_model.model.model.layers[3].mixer.experts
    for part in ("up_proj", "down_proj"):
        first, second = (getattr(layer, f"{part}_lora_{side}")["default"].data for side in "AB")
        for expert in range(4):
            getattr(layer.base_layer, part).data[expert] += 8 / RANK * second[expert] @ first[expert]
    with model.disable_adapter():
        torch.testing.assert_close(logits(model), expected, atol=1e-4, rtol=1e-4)


def test_what_is_written_is_read_back_and_the_runtime_takes_it(tmp_path, base):
    from transformers import AutoModelForCausalLM

    model = adapted(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32))
    save_adapter(model, tmp_path)
    assert holds_experts(tmp_path)
    again = load_adapter(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), tmp_path)
    assert torch.equal(logits(again.train()), logits(model))
    assert {finding.rule for finding in examine(tmp_path, base, 32).findings} <= {"extra-files", "base-path"}
    assert f"{PREFIX}model.layers.3.mixer.experts.3.down_proj.lora_B.weight" in load_file(tmp_path / WEIGHTS)


def test_a_checkpoint_is_read_back_by_peft_itself(tmp_path):
    model = adapted(tiny("nemotron_h"))
    model.save_pretrained(tmp_path)
    expected = logits(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.zero_()
    found = model.load_adapter(tmp_path, "default", is_trainable=True)
    assert found.unexpected_keys == []
    assert torch.equal(logits(model), expected)


def test_a_merged_model_says_what_the_model_with_its_adapter_says():
    model = adapted(tiny("nemotron_h"))
    expected = logits(model)
    torch.testing.assert_close(logits(model.merge_and_unload()), expected, atol=1e-4, rtol=1e-4)


def test_merging_and_taking_out_again_leaves_the_base_as_it_was():
    model = adapted(tiny("nemotron_h"))
    expected = logits(model)
    model.merge_adapter()
    model.unmerge_adapter()
    torch.testing.assert_close(logits(model), expected, atol=1e-4, rtol=1e-4)


def test_an_adapter_on_experts_in_4_bits_learns_and_is_not_merged_into_them(base):
    model = adapted(load_quantised(base, torch.float32, "cpu"), others=())
    model(input_ids=IDS, labels=IDS).loss.backward()
    assert all(weight.grad.abs().max() > 0 for weight in model.parameters() if weight.requires_grad)
    with pytest.raises(InputError, match="4 bits cannot be merged"):
        model.merge_adapter()


def gradients(model):
    model(input_ids=IDS, labels=IDS).loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


def test_gradients_on_a_base_in_4_bits_are_those_on_its_rounded_weights_and_near_those_in_full_precision(base):
    from transformers import AutoModelForCausalLM

    rounded, whole = (AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32) for _ in range(2))
    held = load_quantised(base, torch.float32, "cpu")
    with torch.no_grad():
        for name, weight in held.named_parameters():
            if isinstance(weight, Params4bit):
                is_stacked = len(weight.quant_state.shape) == 3
                dense = dense_experts(weight) if is_stacked else dequantize_4bit(weight.data, weight.quant_state)
                rounded.get_parameter(name).copy_(dense)
    own, same, full = (gradients(adapted(model)) for model in (held, rounded, whole))
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, same[name], atol=1e-4, rtol=1e-3)
    flat, exact = (torch.cat([one[name].flatten() for name in own]) for one in (own, full))
    assert torch.cosine_similarity(flat, exact, dim=0) > 0.9


@given(st.integers(1, 12), st.sampled_from(["up_proj", "down_proj", "gate_proj"]), st.randoms())
def test_unstacking_and_stacking_are_inverses_whatever_the_order(count, part, random):
    name = f"{PREFIX}model.layers.1.mixer.experts.{part}_lora_A"
    together = {name: torch.randn(count, 2, 3), f"{PREFIX}model.layers.0.mixer.in_proj.lora_A.weight": torch.zeros(2, 3)}
    apart = list(unstack(together).items())
    random.shuffle(apart)
    again = stack(dict(apart))
    assert len(apart) == count + 1
    assert again.keys() == together.keys()
    assert all(torch.equal(again[key], together[key]) for key in together)


def broken(folder, base, change):
    from transformers import AutoModelForCausalLM

    save_adapter(adapted(tiny("nemotron_h")), folder)
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    return load_adapter(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), folder)


EXPERT = f"{PREFIX}model.layers.3.mixer.experts"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda tensors: tensors.pop(f"{EXPERT}.2.up_proj.lora_A.weight"), "but not number 2"),
        (lambda tensors: tensors.pop(f"{EXPERT}.3.up_proj.lora_A.weight"), r"has shape \[3, 4, 32\]; the base model needs \[4, 4, 32\]"),
        (lambda tensors: [tensors.pop(key) for key in list(tensors) if "up_proj.lora_A" in key], "up_proj_lora_A.default is missing"),
        (lambda tensors: tensors.pop(f"{PREFIX}model.layers.0.mixer.in_proj.lora_B.weight"), "in_proj.lora_B.default.weight is missing"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_by_name(tmp_path, base, change, why):
    with pytest.raises(InputError, match=why):
        broken(tmp_path, base, change)


def test_an_adapter_without_experts_is_peft_s_affair(tmp_path):
    model = get_peft_model(tiny("nemotron_h"), LoraConfig(r=RANK, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    save_adapter(model, tmp_path)
    assert not holds_experts(tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == RANK


@pytest.mark.parametrize("family", ["qwen3_moe", "mixtral", "gpt_oss", "llama"])
def test_models_whose_expert_names_the_runtime_was_not_seen_to_read_have_none_to_adapt(family):
    assert adaptable(tiny(family)) == {}
