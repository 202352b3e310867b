from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.training.batches import lay_out, side_by_side, stacked
from nemoflow.training.examples import IGNORED, Row, Rows

TOKENS = st.lists(st.integers(1, 30), max_size=12)
ROWS = st.lists(st.builds(Row, TOKENS.filter(bool), TOKENS), min_size=1, max_size=20)
PAD = 0


def shown(batch):
    """What is learned, however it lies: each row's tokens and labels, its first label left out as the loss leaves it out."""
    found = []
    for place, ids in enumerate(batch["input_ids"].tolist()):
        positions = batch["position_ids"][place].tolist() if "position_ids" in batch else list(range(len(ids)))
        starts = [index for index, position in enumerate(positions) if position == 0] + [len(ids)]
        for start, end in pairwise(starts):
            labels = batch["labels"][place, start:end].tolist()
            assert labels[0] == IGNORED or start == 0
            kept = [(token, label) for token, label in zip(ids[start:end], labels, strict=True) if token != PAD]
            if kept:
                found.append(([token for token, _ in kept], [label for _, label in kept[1:]]))
    return sorted(found)


@given(ROWS, st.integers(1, 64), st.booleans(), st.integers(1, 3))
def test_every_row_is_learned_once_with_its_own_labels_however_rows_are_put_together(rows, tokens, packing, together):
    batches = lay_out(Rows(rows), 1, packing, tokens, 64, 0, PAD)
    put = [batches.items[start : start + together] for start in range(0, len(batches.items), together)]
    found = [row for items in put for row in shown(batches.collate(items))]
    assert sorted(found) == sorted((row.input_ids, row.labels[1:]) for row in rows)


@given(ROWS, st.integers(1, 64))
def test_a_micro_batch_holds_no_more_places_than_tokens_but_for_a_single_long_row(rows, tokens):
    for packing in (True, False):
        batches = lay_out(Rows(rows), 7, packing, tokens, 64, 0, PAD)
        assert batches.size == 1
        for item in batches.items:
            assert batches.collate([item])["input_ids"].numel() <= tokens or len(item["seq_lengths"]) == 1


def test_without_packing_and_tokens_rows_are_the_trainers_own_affair():
    batches = lay_out(Rows([Row([1], [2])]), 3, False, 0, 64, 0, PAD)
    assert (batches.items, batches.size, batches.collate, batches.lines) == ([{"input_ids": [1, 2], "labels": [IGNORED, 2]}], 3, None, [])


def test_packs_count_positions_anew_for_each_row_and_fill_up_with_a_row_that_nobody_sees():
    items = [
        {"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7], "seq_lengths": [2, 1]},
        {"input_ids": [8], "labels": [IGNORED], "seq_lengths": [1]},
    ]
    batch = side_by_side(items, PAD)
    assert batch["position_ids"].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [IGNORED] * 3]
    assert "attention_mask" not in batch


def test_stacks_are_padded_on_the_right_and_masked():
    batch = stacked([{"input_ids": [5, 6, 7], "labels": [IGNORED, 6, IGNORED], "seq_lengths": [2, 1]}], PAD)
    assert batch["input_ids"].tolist() == [[5, 6], [7, PAD]]
    assert torch.equal(batch["attention_mask"], torch.tensor([[1, 1], [1, 0]]))
