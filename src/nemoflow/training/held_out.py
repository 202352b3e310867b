"""Rows held out of the corpus, and the loss on them: whole problems by a seeded hash, so that no row's twin is trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

from nemoflow.errors import InputError
from nemoflow.training.batches import stacked
from nemoflow.training.examples import IGNORED, Row, Rows
from nemoflow.training.packing import stack
from nemoflow.training.ranks import ALONE, Ranks

_WHOLE = 2.0**64


def hold_out(rows: Rows, share: float, seed: int) -> tuple[Rows, list[Row]]:
    """(rows to train on, rows to ask); about `share` of the problems are held out, the same ones in whatever order the rows stand.

    InputError where one of the two would be empty.
    """
    if not share:
        return rows, []
    is_held = [xxhash.xxh3_64_intdigest(f"{seed}\0held-out\0{row.problem}".encode()) / _WHOLE < share for row in rows.kept]
    held = [row for row, is_out in zip(rows.kept, is_held, strict=True) if is_out]
    kept = [row for row, is_out in zip(rows.kept, is_held, strict=True) if not is_out]
    if not held or not kept:
        where = "to learn from" if held else "to hold out"
        raise InputError(f"train.eval_share: {share} of {len(rows.kept)} rows leaves none {where}; a larger corpus or 0 is right")
    return Rows(kept, rows.reasons), held


@dataclass(frozen=True)
class HeldOut:
    """Rows to ask, as micro batches of like length."""

    batches: list[dict[str, Any]]

    @classmethod
    def of(cls, rows: Sequence[Row], tokens: int, pad: int) -> "HeldOut":
        """Stacks of at most so many tokens."""
        items = [{"input_ids": row.input_ids, "labels": row.labels, "seq_lengths": [len(row)]} for row in rows]
        groups = stack([len(row) for row in rows], tokens).groups
        return cls([stacked([items[number] for number in group], pad) for group in groups])


def mean_loss(
    trainer: Any, batches: Sequence[dict[str, Any]], stopping: Callable[[], bool] = lambda: False, ranks: Ranks = ALONE
) -> float | None:
    """Mean loss a learned token, without dropout and without a random number drawn; None where it was asked to stop on the way.

    Processes that train together take turns with the batches, and all return the same.
    """
    import torch

    model = trainer.model
    was_training = model.training
    model.eval()
    total, tokens = 0.0, 0
    try:
        with torch.no_grad(), trainer.compute_loss_context_manager():
            for number in range(ranks.index, ranks.index + len(batches), ranks.count):
                if stopping():
                    return None
                batch = batches[min(number, len(batches) - 1)]  # a turn more than batches: all go through the model as often
                there = {name: tensor.to(model.device) for name, tensor in batch.items()}
                loss = float(trainer.compute_loss(model, there, num_items_in_batch=1)) / ranks.count  # one item: the sum over tokens
                if number < len(batches):
                    total += loss
                    tokens += int(batch["labels"][:, 1:].ne(IGNORED).sum())
    finally:
        model.train(was_training)
    total, learned = ranks.total(total, tokens)
    return total / max(learned, 1)
