import pytest
import torch
from tests.training.families import APART, STATES, UNTOLD, tiny

from nemoflow.errors import ConfigError
from nemoflow.training.isolation import leak, need_isolation, refuse_states, stateful

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:FutureWarning")


@pytest.mark.parametrize("family", APART)
def test_rows_side_by_side_have_the_logits_that_they_have_alone(family):
    model = tiny(family)
    assert not stateful(model)
    assert leak(model) < 1e-5
    need_isolation(model)


@pytest.mark.parametrize("family", STATES)
def test_a_model_that_carries_a_state_leaks_and_is_refused_by_name_before_its_weights_are_read(tmp_path, family):
    model = tiny(family)
    model.config.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=rf"train\.packing: .* {family}: \w+ x\d.* false is right"):
        refuse_states(tmp_path)
    assert leak(model) > 0.05
    with pytest.raises(ConfigError, match=rf"{family} .* change each other's logits by .* false is right"):
        need_isolation(model)


@pytest.mark.parametrize("family", UNTOLD)
def test_a_model_whose_mask_is_not_told_where_rows_begin_is_refused_once_it_was_asked(family):
    model = tiny(family)
    assert not stateful(model)
    with pytest.raises(ConfigError, match=rf"{family} \(eager attention\): rows side by side change each other's logits .* false is right"):
        need_isolation(model)


@pytest.mark.parametrize("family", APART)
def test_a_model_of_attention_alone_is_not_refused_by_its_config(tmp_path, family):
    tiny(family).config.save_pretrained(tmp_path)
    refuse_states(tmp_path)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_both_kinds_of_attention_keep_rows_apart(implementation):
    model = tiny("llama")
    model.set_attn_implementation(implementation)
    assert leak(model) < 1e-5


def test_rounding_in_half_precision_is_no_leak():
    need_isolation(tiny("llama").to(torch.bfloat16))


def test_asking_changes_neither_the_random_state_nor_the_models_mode():
    model = tiny("llama").train()
    before = torch.get_rng_state()
    need_isolation(model)
    assert torch.equal(before, torch.get_rng_state())
    assert model.training
