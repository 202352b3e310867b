from random import Random

import pytest

from nemoflow.puzzles.catalog import FAMILIES, family_of


@pytest.mark.parametrize("name", FAMILIES)
def test_a_kind_is_recognised_by_its_own_prompts_and_no_other_kind_claims_them(name):
    statement = FAMILIES[name].generate(Random(1)).statement
    assert family_of(statement) is FAMILIES[name]
    assert [family.name for family in FAMILIES.values() if family.marker in statement] == [name]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_random_state_gives_the_same_puzzle(name):
    assert FAMILIES[name].generate(Random(7)) == FAMILIES[name].generate(Random(7)) != FAMILIES[name].generate(Random(8))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_category_is_the_name_of_its_kind(name):
    assert FAMILIES[name].name == FAMILIES[name].generate(Random(1)).category == name


def test_a_prompt_of_no_kind_belongs_to_none():
    assert family_of("What is 2 + 2?") is None
