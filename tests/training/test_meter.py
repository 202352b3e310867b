from mmap import PAGESIZE, mmap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.training.batches import side_by_side, stacked
from nemoflow.training.examples import IGNORED
from nemoflow.training.meter import Meter, count_cells, forget_peak, peak_memory, speed

LENGTHS = st.lists(st.integers(2, 20), min_size=1, max_size=6)


def item(lengths):
    labels = [label for length in lengths for label in [IGNORED] * (length - 1) + [9]]
    return {"input_ids": [9] * sum(lengths), "labels": labels, "seq_lengths": lengths}


@given(st.lists(LENGTHS, min_size=1, max_size=4), st.sampled_from([side_by_side, stacked]))
def test_tokens_are_those_of_the_rows_however_they_lie(groups, put):
    batch = put([item(lengths) for lengths in groups], 9)
    assert count_cells(batch["labels"]) == (sum(map(sum, groups)), batch["input_ids"].numel())


def test_a_steps_figures_are_of_its_own_micro_batches():
    times = iter([10.0, 12.0, 20.0, 21.0])
    meter = Meter(lambda: next(times))
    labels = torch.tensor([[IGNORED, 5, 6, IGNORED], [IGNORED, 5, IGNORED, IGNORED]])
    meter.begin()
    meter.saw({"labels": labels})
    meter.saw({"labels": labels[:1]})
    first = meter.figures()
    meter.begin()
    meter.saw({"labels": labels})
    second = meter.figures()
    assert [(row["tokens"], row["tokens_per_s"], row["padding"], row["seconds"]) for row in (first, second)] == [
        (8, 4.0, pytest.approx(1 / 3, abs=1e-6), 2.0),
        (5, 5.0, 0.375, 1.0),
    ]


def test_the_peak_holds_what_was_given_back_since_it_began():
    forget_peak()
    before = peak_memory()
    with mmap(-1, 64 * 2**20) as held:  # pages of its own: what was freed before may still be resident, and be given again
        for page in range(0, len(held), PAGESIZE):
            held[page] = 1
    assert peak_memory() - before > 40 * 2**20


def test_a_manifest_says_the_median_step_the_rate_of_all_tokens_and_the_highest_peak():
    rows = [{"seconds": s, "tokens": 100, "peak_memory_gib": p} for s, p in ((1.0, 2.0), (2.0, 3.0), (7.0, 2.5))]
    assert speed(rows) == {"seconds_per_step": 2.0, "tokens_per_s": 30.0, "peak_memory_gib": 3.0}
    assert speed([]) == {}
