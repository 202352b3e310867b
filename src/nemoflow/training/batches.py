"""What a micro batch holds: so many rows, packs of rows side by side, or stacks of rows of like length within so many tokens.

Side by side, each row counts its positions from 0; that is what transformers makes the attention's mask from (a row sees itself alone).
Stacked rows are padded on the right. The loss of a step is a mean over its tokens in all three: only which rows share a step differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
    line: str = ""
    """The same for a reader."""


def lay_out(rows: Rows, micro_batch: int, packing: bool, tokens: int, max_length: int, seed: int, pad: int) -> Batches:
    """Rows as micro batches: `micro_batch` rows or packs; with `tokens`, one pack or stack of so many.

    A row of more than `tokens` is a micro batch of its own.
    """
    if not packing and not tokens:
        return Batches([{"input_ids": row.input_ids, "labels": row.labels} for row in rows.kept], micro_batch)
    lengths = [len(row) for row in rows.kept]
    budget = tokens or max_length
    layout = pack(lengths, budget, seed, overflow="alone") if packing else stack(lengths, budget, seed)
    items = [_joined([rows.kept[number] for number in group]) for group in layout.groups]
    kind = f"side by side in {len(items)} packs" if packing else f"in {len(items)} stacks"
    line = f"{len(lengths)} rows {kind} of at most {budget} tokens, {layout.fill:.1%} full"
    put = side_by_side if packing else stacked
    return Batches(items, 1 if tokens else micro_batch, lambda drawn: put(drawn, pad), layout, line)


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
