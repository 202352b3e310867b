import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import NemotronHConfig, NemotronHForCausalLM

from nemoflow.errors import ConfigError
from nemoflow.training.targets import REFUSED_BY_PEFT, linear_names, report_targets, resolve_targets

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")


def nemotron(pattern):
    torch.manual_seed(0)
    return NemotronHForCausalLM(
        NemotronHConfig(
            vocab_size=32,
            hybrid_override_pattern=pattern,
            hidden_size=16,
            intermediate_size=32,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            mamba_num_heads=2,
            mamba_head_dim=8,
            ssm_state_size=8,
            n_groups=1,
            chunk_size=8,
            expand=1,
            n_routed_experts=4,
            moe_intermediate_size=16,
            moe_shared_expert_intermediate_size=16,
        )
    )


def adapted(model, targets):
    return get_peft_model(model, LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM"))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("M", ["in_proj"]),
        ("M*", ["in_proj", "k_proj", "o_proj", "q_proj", "v_proj"]),
        ("M*-", ["down_proj", "in_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]),
        ("ME*", ["down_proj", "in_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]),
    ],
)
def test_auto_takes_every_linear_that_peft_accepts_on_the_model_at_hand(pattern, names):
    model = nemotron(pattern)
    assert resolve_targets(model, "auto") == names
    adapted(model, names)


@pytest.mark.parametrize("name", sorted(REFUSED_BY_PEFT))
def test_what_auto_leaves_out_is_refused_by_the_installed_peft(name):
    with pytest.raises(ValueError, match="incompatible with Mamba"):
        adapted(nemotron("M*-"), [name])


def test_the_output_head_is_no_target():
    assert "lm_head" not in linear_names(nemotron("M*-"))


@pytest.mark.parametrize("wanted", [("gate_proj",), ("q_proj", "gate_proj"), ("out_proj",), ()])
def test_a_list_with_a_name_that_matches_nothing_stops_and_names_what_there_is(wanted):
    with pytest.raises(ConfigError, match=r"there are: down_proj, in_proj, k_proj, o_proj, q_proj, up_proj, v_proj"):
        resolve_targets(nemotron("M*-"), wanted)


def test_a_requested_list_is_taken_sorted_and_once():
    assert resolve_targets(nemotron("M*-"), ("v_proj", "q_proj", "v_proj")) == ["q_proj", "v_proj"]


def test_the_report_counts_matched_and_skipped_modules_and_parameters():
    model = nemotron("M*-M*-")
    weights = sum(weight.numel() for weight in model.parameters())
    wrapped = adapted(model, ["q_proj", "v_proj"])
    report = report_targets(wrapped, ["q_proj", "v_proj"])
    assert report.modules == {"q_proj": 2, "v_proj": 2}
    assert report.skipped == {"down_proj": 2, "in_proj": 2, "k_proj": 2, "o_proj": 2, "out_proj": 2, "up_proj": 2}
    assert (report.parameters, report.quantised) == (weights, 0)
    assert report.trainable == 4 * 2 * (16 + 16)
    assert "q_proj x2" in report.lines()[0]


def test_stacked_experts_are_no_targets_and_not_counted_as_modules():
    model = nemotron("ME*")
    report = report_targets(adapted(model, resolve_targets(model, "auto")), resolve_targets(model, "auto"))
    assert report.modules["up_proj"] == report.modules["down_proj"] == 1
