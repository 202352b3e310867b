"""What a micro batch holds: so many rows, packs of rows side by side, or stacks of rows of like length within so many tokens.

Side by side, each row counts its positions from 0; that is what transformers makes the attention's mask from (a row sees itself alone).
Stacked rows are padded on the right. The loss of a step is a mean over its tokens in all three: only which rows share a step differs.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from nemoflow.training.buckets import Bucket, fill, run_through
from nemoflow.training.examples import IGNORED, Row, Rows
from nemoflow.training.packing import Layout, pack, stack

Item = dict[str, list[int]]
"""input_ids and labels of one row or, one after the other, of several; then seq_lengths holds the tokens of each."""


@dataclass(frozen=True)
class Batches:
    """Rows as the trainer takes them."""

    items: list[Item]
    size: int
    """Items of a micro batch."""
    collate: Callable[[list[Item]], dict[str, Any]] | None = None
    """Items to tensors; None for TRL's own way."""
    layout: Layout | None = None
    """Which rows lie together, where rows were put together."""
    lines: list[str] = field(default_factory=list)
    """The same for a reader."""
    order: list[int] | None = None
    """Items in the order of the whole run, all passes; None where the trainer draws an order for each pass."""
    bounds: list[int] = field(default_factory=list)
    """Bound of the length bucket of each item in that order."""


def lay_out(rows: Rows, micro_batch: int, packing: bool, tokens: int, max_length: int, seed: int, pad: int) -> Batches:
    """Rows as micro batches: `micro_batch` rows or packs; with `tokens`, one pack or stack of so many.

    A row of more than `tokens` is a micro batch of its own.
    """
    if not packing and not tokens:
        return Batches([{"input_ids": row.input_ids, "labels": row.labels} for row in rows.kept], micro_batch)
    lengths = [len(row) for row in rows.kept]
    budget = tokens or max_length
    layout = _grouped(lengths, packing, budget, seed)
    items = [_joined([rows.kept[number] for number in group]) for group in layout.groups]
    kind = f"side by side in {len(items)} packs" if packing else f"in {len(items)} stacks"
    line = f"{len(lengths)} rows {kind} of at most {budget} tokens, {layout.fill:.1%} full"
    put = side_by_side if packing else stacked
    return Batches(items, 1 if tokens else micro_batch, lambda drawn: put(drawn, pad), layout, [line])


def lay_out_buckets(rows: Rows, buckets: Sequence[int], epochs: float, packing: bool, tokens: int, seed: int, pad: int) -> Batches:
    """Packs or stacks of so many tokens within each length bucket, and the order in which the run goes through them."""
    filled = fill(rows.kept, buckets, seed)
    parts = [_part(rows, bucket, packing, tokens, seed, pad) for bucket in filled]
    items = [item for part in parts for item in part.items]
    ends = list(accumulate(len(part.items) for part in parts))
    numbers = [list(range(end - len(part.items), end)) for part, end in zip(parts, ends, strict=True)]
    order = run_through(numbers, epochs, seed)
    bound_of = [bucket.bound for bucket, part in zip(filled, parts, strict=True) for _ in part.items]
    layouts = [part.layout for part in parts if part.layout is not None]
    whole = Layout(
        [group for each in layouts for group in each.groups], sum(each.tokens for each in layouts), sum(each.cells for each in layouts)
    )
    lines = [line for part in parts for line in part.lines]
    return replace(parts[0], items=items, layout=whole, lines=lines, order=order, bounds=[bound_of[number] for number in order])


def _part(rows: Rows, bucket: Bucket, packing: bool, tokens: int, seed: int, pad: int) -> Batches:
    """One bucket's batches; its layout speaks of rows by their numbers in the corpus."""
    own = [rows.kept[number] for number in bucket.rows]
    part = lay_out(Rows(own), 1, packing, tokens, bucket.bound, seed, pad)
    assert part.layout is not None, "batches by tokens have a layout"
    groups = [[bucket.rows[number] for number in group] for group in part.layout.groups]
    modes = ", ".join(f"{count} {mode or 'of no mode'}" for mode, count in sorted(Counter(row.mode for row in own).items()))
    held = f", {bucket.held_back} of them shorter, to balance modes" if bucket.held_back else ""
    line = f"bucket up to {bucket.bound} tokens: {part.lines[0]} ({modes}{held})"
    return replace(part, layout=replace(part.layout, groups=groups), lines=[line])


def _grouped(lengths: Sequence[int], packing: bool, budget: int, seed: int) -> Layout:
    return pack(lengths, budget, seed, overflow="alone") if packing else stack(lengths, budget, seed)


def side_by_side(items: Sequence[Item], pad: int) -> dict[str, Any]:
    """A pack a row: input_ids, labels and position_ids, each [packs, tokens of the longest]; no mask, for transformers makes it.

    What a shorter pack is filled up with counts from 0 too, as one row more that nobody sees.
    """
    import torch

    width = max(len(item["input_ids"]) for item in items)
    gaps = [width - len(item["input_ids"]) for item in items]
    counted = [
        [position for length in [*item["seq_lengths"], gap] for position in range(length)] for item, gap in zip(items, gaps, strict=True)
    ]
    return {
        "input_ids": torch.tensor([item["input_ids"] + [pad] * gap for item, gap in zip(items, gaps, strict=True)]),
        "labels": torch.tensor([item["labels"] + [IGNORED] * gap for item, gap in zip(items, gaps, strict=True)]),
        "position_ids": torch.tensor(counted),
    }


def stacked(items: Sequence[Item], pad: int) -> dict[str, Any]:
    """A row a row: input_ids, labels and attention_mask, each [rows of all items, tokens of the longest], padded on the right."""
    import torch

    parts = [part for item in items for part in _parts(item)]
    width = max(len(ids) for ids, _ in parts)
    return {
        "input_ids": torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in parts]),
        "labels": torch.tensor([labels + [IGNORED] * (width - len(ids)) for ids, labels in parts]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in parts]),
    }


def _joined(rows: Sequence[Row]) -> Item:
    """Rows one after the other; the first token of each is nobody's to foretell."""
    return {
        "input_ids": [token for row in rows for token in row.input_ids],
        "labels": [label for row in rows for label in [IGNORED, *row.labels[1:]]],
        "seq_lengths": [len(row) for row in rows],
    }


def _parts(item: Item) -> list[tuple[list[int], list[int]]]:
    parts, start = [], 0
    for length in item["seq_lengths"]:
        end = start + length
        parts.append((item["input_ids"][start:end], item["labels"][start:end]))
        start = end
    return parts
