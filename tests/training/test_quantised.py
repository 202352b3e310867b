"""A base in 4 bits: which weights, that they are the rounded ones, and that what is left in full precision is said."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from bitsandbytes.nn import Params4bit
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.families import tiny
from transformers import AutoModelForCausalLM

from nemoflow.models.experts import IMPLEMENTATION, dense_experts
from nemoflow.training.quantised import BLOCK, can_quantise, load_quantised, quantise_stacked


def saved(folder, family):
    tiny(family).save_pretrained(folder)
    return folder


def in_4_bits(model):
    return {name: weight for name, weight in model.named_parameters() if isinstance(weight, Params4bit)}


def stacked(model):
    return {name for name, weight in in_4_bits(model).items() if len(weight.quant_state.shape) == 3}


@settings(max_examples=15)
@given(st.integers(1, 5), st.sampled_from([(8, 16), (2, 96), (64, 3)]), st.floats(1e-4, 1e4))
def test_stacked_experts_are_rounded_as_bitsandbytes_rounds_a_matrix_of_their_blocks(count, shape, scale):
    weight = torch.randn(count, *shape, generator=torch.Generator().manual_seed(count)) * scale
    codes, state = quantize_4bit(weight.view(-1, BLOCK), blocksize=BLOCK, compress_statistics=True, quant_type="nf4")
    assert torch.equal(dense_experts(quantise_stacked(weight)), dequantize_4bit(codes, state).view(weight.shape))


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("nemotron_h", {"model.layers.3.mixer.experts.up_proj", "model.layers.3.mixer.experts.down_proj"}),
        ("qwen3_moe", {f"model.layers.{layer}.mlp.experts.{name}" for layer in (0, 1) for name in ("gate_up_proj", "down_proj")}),
        ("mixtral", {f"model.layers.{layer}.mlp.experts.{name}" for layer in (0, 1) for name in ("gate_up_proj", "down_proj")}),
        ("gpt_oss", set()),
        ("llama", set()),
    ],
)
def test_a_model_is_the_model_with_its_rounded_weights_and_its_routed_experts_are_in_4_bits(tmp_path, family, names):
    base = saved(tmp_path, family)
    model = load_quantised(base, torch.float32, "cpu").train()
    assert stacked(model) == names
    assert (model.config._experts_implementation == IMPLEMENTATION) == bool(names)
    twin = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).train()
    with torch.no_grad():
        for name, weight in in_4_bits(model).items():
            is_stacked = len(weight.quant_state.shape) == 3
            twin.get_parameter(name).copy_(dense_experts(weight) if is_stacked else dequantize_4bit(weight.data, weight.quant_state))
    ids = torch.arange(24)[None] * 7 % 90
    torch.testing.assert_close(model(input_ids=ids).logits, twin(input_ids=ids).logits)


def test_a_linear_module_is_in_4_bits_on_a_cpu_only_where_it_is_turned_back_rightly(tmp_path):
    model = load_quantised(saved(tmp_path, "llama"), torch.float32, "cpu")
    held = in_4_bits(model)
    assert {name.rsplit(".", 2)[1] for name in held} == {"down_proj"}  # the only one with a multiple of 64 inputs
    own = tiny("llama").get_parameter("model.layers.0.mlp.down_proj.weight")
    back = held["model.layers.0.mlp.down_proj.weight"]
    assert (dequantize_4bit(back.data, back.quant_state) - own).abs().mean() < 0.1 * own.abs().mean()


def test_experts_whose_blocks_would_reach_into_the_next_stay_as_they_are():
    model = tiny("nemotron_h")
    experts = model.model.layers[3].mixer.experts
    assert can_quantise(experts)
    experts.up_proj = torch.nn.Parameter(torch.zeros(4, 31, 33))
    assert not can_quantise(experts)


@pytest.mark.slow
def test_a_base_is_read_into_4_bits_without_standing_in_full_precision():
    command = [sys.executable, "benchmarks/quantised_memory.py", "--layers", "6"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
