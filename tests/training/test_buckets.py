from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.errors import InputError
from nemoflow.training.batches import lay_out_buckets
from nemoflow.training.buckets import MOST_HELD_BACK, fill, run_through
from nemoflow.training.examples import Row, Rows

MODES = ("", "low", "high", "high+python")
BOUNDS = st.lists(st.integers(2, 63), max_size=3, unique=True).map(lambda bounds: [*sorted(bounds), 64])
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def rows(draw, modes=MODES):
    """Rows that differ from each other in their tokens."""
    made = draw(st.lists(st.tuples(st.integers(2, 64), st.sampled_from(modes)), min_size=1, max_size=40))
    return [Row([1000 + number], [7] * (length - 1), mode=mode) for number, (length, mode) in enumerate(made)]


def content(bucket, of):
    return bucket.bound, bucket.held_back, Counter((tuple(of[number].input_ids), of[number].mode) for number in bucket.rows)


@given(rows(), BOUNDS, SEEDS)
def test_every_row_is_in_exactly_one_bucket_that_is_long_enough(of, bounds, seed):
    buckets = fill(of, bounds, seed)
    assert sorted(number for bucket in buckets for number in bucket.rows) == list(range(len(of)))
    assert [bucket.bound for bucket in buckets] == sorted({bucket.bound for bucket in buckets})
    assert all(len(of[number]) <= bucket.bound for bucket in buckets for number in bucket.rows)


@given(rows(), BOUNDS, SEEDS)
def test_a_row_that_an_earlier_bucket_could_hold_is_only_in_the_last_to_balance_its_mode(of, bounds, seed):
    buckets = fill(of, bounds, seed)
    for before, bucket in zip([0, *(bucket.bound for bucket in buckets)], buckets, strict=False):
        short = [number for number in bucket.rows if len(of[number]) <= before]
        assert len(short) == bucket.held_back
        assert not short or bucket is buckets[-1]


@given(rows(), BOUNDS, SEEDS, st.randoms(use_true_random=False))
def test_what_a_bucket_holds_does_not_depend_on_the_order_of_the_rows(of, bounds, seed, random):
    moved = random.sample(of, len(of))
    assert [content(bucket, of) for bucket in fill(of, bounds, seed)] == [content(bucket, moved) for bucket in fill(moved, bounds, seed)]


@given(rows(), BOUNDS, SEEDS)
def test_no_mode_of_the_last_bucket_is_made_larger_than_its_largest_and_none_loses_more_than_half_of_its_shorter_rows(of, bounds, seed):
    buckets = fill(of, bounds, seed)
    last = [of[number] for number in buckets[-1].rows]
    before = max((bucket.bound for bucket in buckets[:-1]), default=0)
    own = Counter(row.mode for row in last if len(row) > before)
    waited = Counter(row.mode for row in last if len(row) <= before)
    shorter = Counter(row.mode for row in of if len(row) <= before)
    for mode, count in waited.items():
        assert own[mode] + count <= max(own.values())
        assert count <= MOST_HELD_BACK * shorter[mode]


def test_a_mode_that_the_last_bucket_lacks_waits_for_it():
    long = [Row([number], [7] * 49, mode="high") for number in range(4)]
    short = [Row([number], [7] * 9, mode="low") for number in range(20)]
    early, late = fill([*long, *short], [16, 64], 0)
    assert (len(early.rows), len(late.rows), late.held_back) == (16, 8, 4)


@given(rows(modes=("high",)), BOUNDS, SEEDS)
def test_with_one_mode_nothing_waits(of, bounds, seed):
    assert all(bucket.held_back == 0 for bucket in fill(of, bounds, seed))


def test_a_row_over_the_last_bound_is_named():
    with pytest.raises(InputError, match="row 1: 9 tokens do not go into the last bucket of 8"):
        fill([Row([1], [2]), Row([1], [2] * 8)], [4, 8], 0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 4), SEEDS)
def test_each_pass_goes_through_each_micro_batch_of_a_bucket_once_before_the_next_bucket_begins(sizes, passes, seed):
    groups, start = [], 0
    for size in sizes:
        groups.append(list(range(start, start + size)))
        start += size
    order = run_through(groups, float(passes), seed)
    for group in groups:
        for _ in range(passes):
            assert sorted(order[: len(group)]) == group
            order = order[len(group) :]
    assert order == []


def test_half_a_pass_is_half_of_each_buckets_micro_batches():
    order = run_through([[0, 1, 2, 3], [4, 5, 6]], 1.5, 0)
    assert Counter(number < 4 for number in order) == {True: 6, False: 5}


@given(rows(), BOUNDS, SEEDS, st.booleans(), st.integers(1, 3))
def test_the_run_learns_every_row_once_a_pass_bucket_after_bucket(of, bounds, seed, packing, passes):
    batches = lay_out_buckets(Rows(of), bounds, passes, packing, 32, seed, 0)
    seen = Counter()
    for number in batches.order:
        item, start = batches.items[number], 0
        for length in item["seq_lengths"]:
            seen[tuple(item["input_ids"][start : start + length])] += 1
            start += length
    assert seen == {tuple(row.input_ids): passes for row in of}
    assert batches.bounds == sorted(batches.bounds)
    assert sorted(number for group in batches.layout.groups for number in group) == list(range(len(of)))
    assert batches.layout.tokens == sum(map(len, of))
