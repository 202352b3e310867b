import re

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils.transformers_weight_conversion import _MODEL_TO_CONVERSION_PATTERN, _MOE_TARGET_MODULE_MAPPING
from tests.training.families import APART, STATES, UNTOLD, tiny
from tests.training.nano import nano
from tests.training.strangers import CONFIGS, load, save
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from nemoflow.errors import ConfigError
from nemoflow.models.families import FAMILIES
from nemoflow.models.modules import read_modules
from nemoflow.training.preflight import read_base
from nemoflow.training.quantised import stacked_shape
from nemoflow.training.resolution import resolve, warnings_of
from nemoflow.training.targets import LIKE_MIXTRAL, LIKE_QWEN2_MOE, refusal_of, report_targets, resolve_targets, towers_of

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")


def both(folder, family, wanted, rank=4):
    """(from headers, from the model that LoRA was put on)."""
    model = tiny(family)
    model.save_pretrained(folder)
    targets = resolve_targets(model, wanted) if isinstance(wanted, tuple) or wanted == "auto" else wanted
    adapted = get_peft_model(model, LoraConfig(r=rank, target_modules=targets, task_type="CAUSAL_LM"))
    return resolve(read_modules(folder), wanted, rank), report_targets(adapted, targets)


def counts(resolution):
    return {name: sum(linear.last == name for linear in resolution.matched) for name in {linear.last for linear in resolution.matched}}


@pytest.mark.parametrize("family", sorted((APART | UNTOLD | STATES).keys() - {"mamba2", "qwen3_next"}))
def test_headers_and_the_loaded_model_agree_on_what_trains(tmp_path, family):
    resolution, report = both(tmp_path, family, "auto")
    resolution.need_sound()
    assert counts(resolution) == report.modules
    assert (resolution.trained, resolution.modules.parameters) == (report.trainable, report.parameters)


@pytest.mark.parametrize("wanted", [("q_proj", "down_proj"), r".*\.1\.self_attn\.(q|v)_proj", "all-linear"])
def test_lists_expressions_and_all_linear_match_as_peft_matches(tmp_path, wanted):
    resolution, report = both(tmp_path, "llama", wanted)
    assert counts(resolution) == report.modules
    assert resolution.trained == report.trainable


@pytest.mark.parametrize(
    ("wanted", "dead", "refused"),
    [
        (("q_proj", "gate_proj"), ("gate_proj",), ()),
        (("q_proj", "out_proj"), (), ("out_proj",)),
        ("all-linear", (), ("out_proj",)),
        (r".*out_proj", (), ("out_proj",)),
        (r"nothing", ("nothing",), ()),
        ((), (), ()),
    ],
)
def test_names_that_match_nothing_or_are_refused_stop_with_what_there_is(tmp_path, wanted, dead, refused):
    resolution = resolve(read_modules(nano(tmp_path, "M*E")), wanted, 32)
    assert (resolution.dead, resolution.refused) == (dead, refused)
    with pytest.raises(ConfigError, match="there are: down_proj, in_proj, k_proj, o_proj, q_proj, up_proj, v_proj"):
        resolution.need_sound()


def test_a_name_of_routed_experts_is_told_what_they_are(tmp_path):
    tiny("mixtral").save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"\(w1 are routed experts' matrices, 3-D parameters in memory"):
        resolve(read_modules(tmp_path), ("q_proj", "w1"), 4).need_sound()


def test_the_head_is_no_target_and_why_is_said(tmp_path):
    with pytest.raises(ConfigError, match="lm_head: TRL's loss reads the head's own weight"):
        resolve(read_modules(nano(tmp_path, "M")), ("in_proj", "lm_head"), 4).need_sound()


def test_blocks_without_an_adapter_and_layers_that_do_not_train_are_named(tmp_path):
    resolution = resolve(read_modules(nano(tmp_path)), ("q_proj", "k_proj", "v_proj", "o_proj"), 32)
    assert resolution.missed == {"mixer (in_proj, out_proj)": 23, "mixer.shared_experts (down_proj, up_proj)": 23}
    says = list(warnings_of(resolution))
    assert says[0] == "only 6 of 52 layers train (12%)"
    assert says[-1] == "29,374,808,064 parameters of routed experts (93% of the model) stay as they are"


def test_experts_train_where_asked_for(tmp_path):
    modules = read_modules(nano(tmp_path))
    with_them, without = resolve(modules, "auto", 32, with_experts=True), resolve(modules, "auto", 32)
    assert with_them.trained - without.trained == 856_162_304
    assert not list(warnings_of(with_them))
    tiny("mixtral").save_pretrained(tmp_path / "mixtral")
    with pytest.raises(ConfigError, match=r"train.experts: mixtral has no routed experts that take an adapter"):
        resolve(read_modules(tmp_path / "mixtral"), "auto", 32, with_experts=True).need_sound()


def test_what_4_bits_take_is_told_by_kind(tmp_path):
    resolution = resolve(read_modules(nano(tmp_path)), "auto", 32)
    assert {row.kind for row in resolution.rows if not row.is_quantised} == {"mixer.out_proj", "lm_head"}


@pytest.mark.parametrize("family", ["nemotron_h", "llama", "qwen3", "qwen3_moe", "mixtral", "gpt_oss"])
def test_the_suggested_list_of_a_family_is_sound_and_reaches_every_block(tmp_path, family):
    tiny(family).save_pretrained(tmp_path)
    modules = read_modules(tmp_path)
    resolution = resolve(modules, FAMILIES[family].suggested, 4)
    dead = set(resolution.dead) - ({"up_proj", "down_proj"} if family == "nemotron_h" else set())
    assert (dead, resolution.refused, resolution.missed) == (set(), (), {})
    assert set(resolve(modules, "auto", 4).suggested) == {linear.last for linear in resolution.matched}


def test_experts_that_lie_as_one_tensor_are_not_held_in_4_bits(tmp_path):
    tiny("gpt_oss").save_pretrained(tmp_path)
    held = {row.kind: row.is_quantised for row in resolve(read_modules(tmp_path), "auto", 4).rows}
    assert (held["mlp.experts.gate_up_proj"], held["self_attn.q_proj"]) == (False, True)


def test_a_broken_expression_is_named(tmp_path):
    with pytest.raises(ConfigError, match=re.escape("'(' is no regular expression")):
        resolve(read_modules(nano(tmp_path, "M")), "(", 4)


def on_the_loaded(model, wanted, rank=4):
    """Path -> parameters of the adapter on it, where PEFT puts one as `train` asks it to."""
    names = wanted if isinstance(wanted, str) else list(wanted)
    towers = None if isinstance(wanted, str) else towers_of(model)
    adapted = get_peft_model(model, LoraConfig(r=rank, target_modules=names, exclude_modules=towers, task_type="CAUSAL_LM"))
    layers = {path: module for path, module in adapted.named_modules() if isinstance(module, LoraLayer)}
    counts = {
        path.removeprefix("base_model.model."): sum(weight.numel() for name, weight in module.named_parameters() if "lora_" in name)
        for path, module in layers.items()
    }
    return adapted, counts


@pytest.mark.parametrize("name", CONFIGS)
def test_a_family_that_is_not_known_here_is_told_as_it_is_loaded_and_trains(tmp_path, name):
    model = load(save(tmp_path, name))
    modules = read_base(tmp_path, "nf4")
    head = model.get_output_embeddings()
    linears = {path: part for path, part in model.named_modules() if isinstance(part, torch.nn.Linear) and part is not head}
    assert {linear.name: (linear.outputs, linear.inputs) for linear in modules.linears} == {
        path: tuple(part.weight.shape) for path, part in linears.items() if not path.endswith(".router")
    }
    stacked = {path: part for path, part in model.named_parameters() if part.dim() == 3 and ".experts." in path}
    assert {stack.name: stack.parameters for stack in modules.stacks} == {path: part.numel() for path, part in stacked.items()}
    in_4_bits = {path: tuple(part.shape) for path, part in stacked.items() if stacked_shape(model, path) is not None}
    assert {stack.name: (stack.experts, stack.outputs, stack.inputs) for stack in modules.stacks if stack.is_quantisable} == in_4_bits
    assert modules.parameters == sum(weight.numel() for weight in model.parameters())
    assert (modules.head.outputs, modules.head.inputs) == tuple(head.weight.shape)

    resolution = resolve(modules, "auto", 4)
    resolution.need_sound()
    assert resolve_targets(model, "auto") == list(resolution.there)
    adapted, counts = on_the_loaded(model, resolve_targets(model, "auto"))
    assert {linear.name: linear.lora(4) for linear in resolution.matched} == counts
    adapted(input_ids=torch.arange(8)[None], labels=torch.arange(8)[None]).loss.backward()
    assert [path for path, weight in adapted.named_parameters() if weight.requires_grad and weight.grad is None] == []


def test_the_types_of_which_peft_takes_names_for_experts_are_those_of_the_installed_one():
    asked = {kind: _MOE_TARGET_MODULE_MAPPING.get(pattern) for kind, pattern in _MODEL_TO_CONVERSION_PATTERN.items()}
    found = {kind: frozenset(names) for kind, names in asked.items() if names and kind in CONFIG_MAPPING_NAMES}
    assert {kind: refusal_of(kind).names for kind in found} == found
    assert {kind for kind in LIKE_QWEN2_MOE | LIKE_MIXTRAL if kind in CONFIG_MAPPING_NAMES} == found.keys()


@pytest.mark.parametrize("wanted", [("q_proj", "down_proj"), r".*(gate|up|down)_proj", "all-linear"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_names_that_peft_puts_on_routed_experts_are_refused(tmp_path, wanted):
    model = load(save(tmp_path, "glm4_moe"))
    with pytest.raises(ConfigError, match="are taken by PEFT for the routed experts and routers of glm4_moe"):
        resolve(read_modules(tmp_path), wanted, 4).need_sound()
    _, counts = on_the_loaded(model, wanted)
    assert [path for path in counts if path.endswith("experts")]


def test_an_expression_on_these_types_reaches_every_layer_as_it_does_with_peft(tmp_path):
    model = load(save(tmp_path, "glm4_moe"))
    resolution = resolve(read_modules(tmp_path), r".*\.1\.self_attn\.(q|v)_proj", 4)
    resolution.need_sound()
    _, counts = on_the_loaded(model, resolution.wanted)
    assert {linear.name: linear.lora(4) for linear in resolution.matched} == counts
    assert resolution.reached == (0, 1)


@pytest.mark.parametrize(
    ("wanted", "stray"), [(r".*\.mlp.*", "layers.0.mlp"), (r"(.*q_proj|model.norm)", "model.norm"), (r"lm_head|.*q_proj", "lm_head")]
)
def test_an_expression_that_also_matches_what_is_no_linear_module_is_refused(tmp_path, wanted, stray):
    tiny("llama").save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=rf"also matches '[a-z.]*{stray}'"):
        resolve(read_modules(tmp_path), wanted, 4).need_sound()


def test_what_sees_is_left_out_and_said(tmp_path):
    resolution = resolve(read_modules(save(tmp_path, "gemma3")), "auto", 4)
    assert not [linear for linear in resolution.matched if "vision" in linear.name]
    assert "12 modules see or hear; rows are text" in next(warnings_of(resolution))
