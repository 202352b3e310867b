"""The regular expressions of a config mean what PEFT makes of them, or are named as none; no expression holds the command up."""

import re

import pytest

from nemoflow.submission.patterns import PatternError, first_fits, matched

MODULES = [f"model.layers.{layer}.self_attn.{part}" for layer in (1, 11) for part in ("q_proj", "k_proj", "o_proj")]
PATTERNS = [
    {"q_proj": 2},
    {"proj": 2},
    {"q_proj": 2, "self_attn.q_proj": 3},
    {"1.self_attn.q_proj": 2},
    {r"layers\.1\..*": 2, "q_proj": 3},
    {"q_proj": 3, r"layers\.1\..*": 2},
    {r"^model\.layers\.1\.self_attn\.q_proj$": 2},
    {"^q_proj": 2, "layers.11.self_attn.k_proj$": 4},
    {"q_proj|k_proj": 2, ".*o_proj": 5},
    {r"\w_proj": 2},
    {"": 2},
]


def by_peft(pattern: dict[str, int], module: str) -> int | None:
    """`get_pattern_key` of PEFT 0.21, and what it is asked for."""
    key = next((key for key in pattern if re.match(rf"(.*\.)?({key})$", module)), None)
    return None if key is None else pattern[key]


@pytest.mark.parametrize("pattern", PATTERNS, ids=map(str, PATTERNS))
def test_a_pattern_gives_each_module_what_peft_gives_it(pattern):
    assert {module: matched(pattern, MODULES).get(module) for module in MODULES} == {module: by_peft(pattern, module) for module in MODULES}


def test_an_expression_that_would_take_for_ever_is_given_up():
    with pytest.raises(PatternError, match=r"took more than 0.3 s"):
        first_fits(["([a-z_.0-9]+)+!"], MODULES, seconds=0.3)


@pytest.mark.parametrize("key", ["*_proj", "(q_proj", "q_proj{99999999999999999999}", "(" * 500])
def test_what_is_no_expression_is_named(key):
    with pytest.raises(PatternError, match="is no regular expression"):
        matched({"k_proj": 1, key: 2}, MODULES)
