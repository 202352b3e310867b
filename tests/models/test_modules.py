import json

import pytest
import torch
from tests.training.families import APART, STATES, UNTOLD, tiny
from tests.training.nano import nano, write_holes

from nemoflow.errors import InputError
from nemoflow.models.modules import read_modules


def saved(folder, family):
    model = tiny(family)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("family", sorted((APART | UNTOLD | STATES).keys() - {"mamba2", "qwen3_next"}))
def test_headers_tell_the_modules_and_parameters_of_the_loaded_model(tmp_path, family):
    model = saved(tmp_path, family)
    modules = read_modules(tmp_path)
    head = model.get_output_embeddings()
    loaded = {
        path: tuple(module.weight.shape)
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    assert {linear.name: (linear.outputs, linear.inputs) for linear in modules.linears} == loaded
    stacked = {name: weight.numel() for name, weight in model.named_parameters() if weight.dim() == 3 and ".experts." in name}
    assert {stack.name: stack.parameters for stack in modules.stacks} == stacked
    assert modules.parameters == sum(weight.numel() for weight in model.parameters())
    assert (modules.head.outputs, modules.head.inputs) == tuple(head.weight.shape)
    assert modules.is_tied == model.config.tie_word_embeddings


def test_experts_that_are_fused_in_memory_keep_the_names_that_they_have_on_disk(tmp_path):
    saved(tmp_path, "mixtral")
    fused = next(stack for stack in read_modules(tmp_path).stacks if stack.last == "gate_up_proj")
    assert (fused.name, fused.experts, fused.outputs, fused.inputs) == ("model.layers.0.mlp.experts.gate_up_proj", 4, 128, 32)
    assert fused.parts == ("w1", "w3")


def test_the_contests_model_is_read_from_its_headers(tmp_path):
    modules = read_modules(nano(tmp_path))
    assert modules.parameters == 31_577_937_344
    assert len(modules.layers) == 52
    assert (modules.routers, modules.experts_per_token, modules.hidden) == (23, 6, 2688)
    assert sum(stack.lora(32) for stack in modules.stacks) == 856_162_304  # competition's table of adapters at rank 32
    assert sum(linear.lora(32) for linear in modules.linears) == 27_711_488


def test_widths_are_also_found_in_the_text_part_of_a_config(tmp_path):
    config = {"model_type": "other", "num_experts_per_tok": "six", "text_config": {"hidden_size": 64, "num_experts_per_tok": 4}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_holes(tmp_path / "model.safetensors", {"language_model.model.layers.3.self_attn.q_proj.weight": [64, 64]})
    modules = read_modules(tmp_path)
    assert (modules.hidden, modules.experts_per_token, modules.heads, modules.layers) == (64, 4, 0, (3,))


def test_blocks_of_mxfp4_count_two_numbers_a_byte(tmp_path):
    layer = "model.layers.0.mlp.experts"
    packed = {f"{layer}.gate_up_proj_blocks": [4, 64, 2, 16], f"{layer}.gate_up_proj_scales": [4, 64, 2]}
    write_holes(tmp_path / "experts.safetensors", packed, "U8", 8)
    attention = "model.layers.0.self_attn.q_proj.weight"
    write_holes(tmp_path / "rest.safetensors", {attention: [64, 64]})
    index = {"weight_map": dict.fromkeys(packed, "experts.safetensors") | {attention: "rest.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt_oss"}))
    modules = read_modules(tmp_path)
    assert [(stack.experts, stack.outputs, stack.inputs) for stack in modules.stacks] == [(4, 64, 64)]
    assert modules.parameters == 4 * 64 * 64 + 64 * 64


def test_packed_matrices_and_files_without_matrices_are_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    write_holes(tmp_path / "model.safetensors", {"model.layers.0.self_attn.q_proj.weight": [64, 32]}, "U8", 8)
    with pytest.raises(InputError, match=r"q_proj.weight is stored as U8 \[64, 32\]: packed.*in bf16"):
        read_modules(tmp_path)
    write_holes(tmp_path / "model.safetensors", {"model.norm.weight": [64]})
    with pytest.raises(InputError, match="holds no matrix"):
        read_modules(tmp_path)


@pytest.mark.parametrize("end", ["qweight", "weight_packed"])
def test_matrices_whose_shape_on_disk_is_not_their_own_are_named(tmp_path, end):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    write_holes(tmp_path / "model.safetensors", {f"model.layers.0.self_attn.q_proj.{end}": [8, 32], "lm_head.weight": [96, 32]}, "I32", 32)
    with pytest.raises(InputError, match=rf"q_proj.{end} is stored as I32 \[8, 32\]: packed"):
        read_modules(tmp_path)


def test_what_is_not_loaded_and_scales_of_8_bits_are_no_parameters(tmp_path):
    config = {"model_type": "deepseek_v3", "num_hidden_layers": 2, "quantization_config": {"quant_method": "fp8"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    matrix, scale = "self_attn.o_proj.weight", "self_attn.o_proj.weight_scale_inv"
    shapes = {f"model.layers.{layer}.{name}": [64, 64] for layer in range(3) for name in (matrix, scale)}
    write_holes(tmp_path / "model.safetensors", shapes | {"mtp.layers.0.eh_proj.weight": [64, 64]}, "F8_E4M3", 8)
    modules = read_modules(tmp_path)
    assert [linear.name for linear in modules.linears] == [f"model.layers.{layer}.self_attn.o_proj" for layer in range(2)]
    assert modules.parameters == 2 * 64 * 64


def test_layers_of_the_older_config_are_counted_by_their_pattern(tmp_path):
    folder = nano(tmp_path, "M*E")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hybrid_override_pattern": "M*E", "num_hidden_layers": 2}))
    assert read_modules(folder).layers == (0, 1, 2)
