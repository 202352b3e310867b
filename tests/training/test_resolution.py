import re

import pytest
from peft import LoraConfig, get_peft_model
from tests.training.families import APART, STATES, UNTOLD, tiny
from tests.training.nano import nano

from nemoflow.errors import ConfigError
from nemoflow.models.families import FAMILIES
from nemoflow.models.modules import read_modules
from nemoflow.training.resolution import resolve, warnings_of
from nemoflow.training.targets import report_targets, resolve_targets

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
