import pytest

from nemoflow.errors import InputError
from nemoflow.models.families import family_of


def test_a_name_on_disk_and_a_name_in_memory_are_the_same_module():
    family = family_of("nemotron_h")
    assert (
        family.module("backbone.layers.3.mixer.in_proj") == family.module("model.layers.3.mixer.in_proj") == "model.layers.3.mixer.in_proj"
    )
    assert family.module("backbones.x") == "backbones.x"
    assert family.module("lm_head") == "lm_head"


def test_an_unknown_type_names_the_known_ones():
    with pytest.raises(InputError, match="'mamba9' is not known here; known are gpt_oss, llama, mixtral, nemotron_h"):
        family_of("mamba9")
