from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nemoflow.errors import ConfigError, InputError
from nemoflow.training.packing import pack, stack

LENGTHS = st.lists(st.integers(1, 60), max_size=80)
BUDGETS = st.integers(1, 64)
SEEDS = st.integers(0, 2**32 - 1)


def held(layout, lengths):
    """What lies together, as lengths: a multiset of multisets."""
    return Counter(tuple(sorted(lengths[number] for number in group)) for group in layout.groups)


def numbers(layout):
    return sorted(number for group in layout.groups for number in group)


@given(LENGTHS, BUDGETS, SEEDS)
def test_each_row_is_in_one_pack_and_no_pack_but_a_single_long_row_is_above_the_budget(lengths, budget, seed):
    packs = pack(lengths, budget, seed, overflow="alone")
    assert numbers(packs) == list(range(len(lengths)))
    for group in packs.groups:
        assert sum(lengths[number] for number in group) <= budget or len(group) == 1


@given(LENGTHS, BUDGETS, SEEDS, st.randoms(use_true_random=False), SEEDS)
def test_the_lengths_in_packs_and_stacks_depend_neither_on_the_rows_order_nor_on_the_seed(lengths, budget, seed, random, other):
    moved = random.sample(lengths, len(lengths))
    assert held(pack(lengths, budget, seed, "alone"), lengths) == held(pack(moved, budget, other, "alone"), moved)
    assert held(stack(lengths, budget, seed), lengths) == held(stack(moved, budget, other), moved)


@given(LENGTHS, BUDGETS, SEEDS)
def test_the_same_rows_and_seed_give_the_same_packs_in_the_same_order(lengths, budget, seed):
    assert pack(lengths, budget, seed, "alone") == pack(lengths, budget, seed, "alone")
    assert stack(lengths, budget, seed) == stack(lengths, budget, seed)


@given(LENGTHS, BUDGETS)
def test_at_most_one_pack_is_half_empty_or_more(lengths, budget):
    """Two of them would have gone into one."""
    packs = pack(lengths, budget, overflow="alone")
    assert sum(2 * sum(lengths[number] for number in group) <= budget for group in packs.groups) <= 1


@given(st.lists(st.lists(st.integers(1, 63), unique=True, max_size=5), min_size=1, max_size=20))
def test_packs_are_at_most_eleven_ninths_of_the_fewest_possible(cuts):
    """The bound of best-fit decreasing, on rows that were made by cutting full packs."""
    lengths = [end - start for cut in cuts for start, end in pairwise([0, *sorted(cut), 64])]
    assert len(cuts) <= len(pack(lengths, 64).groups) <= (11 * len(cuts) + 6) / 9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("median", "spread"), [(900, 0.8), (600, 0.8), (200, 1.2)])
def test_packs_of_a_corpus_are_full(median, spread, seed):
    drawn = np.random.default_rng(seed).lognormal(np.log(median), spread, 20_000)
    packs = pack([int(length) for length in np.clip(drawn, 16, 4096)], 4096)
    assert packs.fill >= 0.999


@given(LENGTHS, BUDGETS)
def test_tokens_and_places_are_counted(lengths, budget):
    packs, stacks = pack(lengths, budget, overflow="alone"), stack(lengths, budget)
    assert packs.tokens == stacks.tokens == sum(lengths)
    assert packs.cells == sum(max(budget, sum(lengths[number] for number in group)) for group in packs.groups)
    assert stacks.cells == sum(len(group) * max(lengths[number] for number in group) for group in stacks.groups)
    assert 0 < packs.fill <= 1
    assert 0 <= stacks.padding < 1


@given(LENGTHS, BUDGETS, SEEDS)
def test_each_row_is_in_one_stack_and_no_stack_but_a_single_long_row_is_above_the_budget(lengths, budget, seed):
    stacks = stack(lengths, budget, seed)
    assert numbers(stacks) == list(range(len(lengths)))
    for group in stacks.groups:
        assert len(group) * max(lengths[number] for number in group) <= budget or len(group) == 1


@given(LENGTHS, BUDGETS, SEEDS)
def test_no_row_of_one_stack_is_longer_than_one_of_a_longer_stack(lengths, budget, seed):
    sizes = [[lengths[number] for number in group] for group in stack(lengths, budget, seed).groups]
    spans = sorted((min(size), max(size)) for size in sizes)
    assert all(low[1] <= high[0] for low, high in pairwise(spans))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), BUDGETS)
def test_a_row_over_the_budget_is_refused_by_its_number_unless_it_may_stand_alone(lengths, budget):
    assume(max(lengths) > budget)
    first = next(number for number, length in enumerate(lengths) if length > budget)
    with pytest.raises(InputError, match=rf"^row {first}: {lengths[first]} tokens .* pack of {budget};"):
        pack(lengths, budget)
    alone = [group for group in pack(lengths, budget, overflow="alone").groups if lengths[group[0]] > budget]
    assert sorted(group[0] for group in alone) == [number for number, length in enumerate(lengths) if length > budget]
    assert all(len(group) == 1 for group in alone)


@pytest.mark.parametrize("put", [pack, stack])
def test_an_empty_row_and_an_empty_budget_are_refused(put):
    with pytest.raises(InputError, match=r"row 2: 0 tokens; a row has one or more"):
        put([3, 1, 0, 2], 5)
    with pytest.raises(ConfigError, match=r"a budget of 0 tokens holds nothing"):
        put([3], 0)
    assert put([], 5).groups == []


def test_packs_that_can_be_full_are_full():
    packs = pack([6, 4, 5, 5, 3, 3, 2, 2, 7, 3], 10)
    assert (len(packs.groups), packs.fill) == (4, 1.0)
