"""Length buckets: training goes through rows of rising length, each bucket a part of the run with batches of its own.

A bucket holds the rows up to its bound that the buckets before it do not. The last one holds the longest, which are mostly of one mode
(high effort, with Python); a student that sees nothing else at the end forgets the others. So the last is balanced: of each rarer mode as
many rows wait for it as bring it to the size of the most frequent one there, at most half of what the earlier buckets have of it. No row is
left out and none comes twice in a pass. The recipe is that of Nemotron-Math (16k, 32k, 64k, 128k; modes re-balanced at the end).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from random import Random

import numpy as np
import xxhash

from nemoflow.errors import InputError
from nemoflow.training.examples import Row

MOST_HELD_BACK = 0.5
"""Share of a mode's shorter rows that may wait for the last bucket."""


@dataclass(frozen=True)
class Bucket:
    """Rows that are trained on together."""

    bound: int
    """Longest row in tokens."""
    rows: list[int]
    """Their numbers, rising."""
    held_back: int = 0
    """How many of them are shorter than the bucket before it allows, and are here to balance modes."""


def fill(rows: Sequence[Row], bounds: Sequence[int], seed: int) -> list[Bucket]:
    """Every row in exactly one bucket; buckets without a row are left out. Which rows wait is the seed's choice, not their order's.

    InputError for a row that is longer than the last bound.
    """
    held: dict[int, list[int]] = {bound: [] for bound in bounds}
    for number, row in enumerate(rows):
        bound = next((bound for bound in bounds if len(row) <= bound), None)
        if bound is None:
            raise InputError(f"row {number}: {len(row)} tokens do not go into the last bucket of {bounds[-1]}")
        held[bound].append(number)
    filled = [bound for bound in bounds if held[bound]]
    waiting = _waiting(rows, [held[bound] for bound in filled], seed)
    early = [Bucket(bound, [number for number in held[bound] if number not in waiting]) for bound in filled[:-1]]
    last = [Bucket(bound, sorted([*held[bound], *waiting]), len(waiting)) for bound in filled[-1:]]
    return early + last


def run_through(groups: Sequence[Sequence[int]], epochs: float, seed: int) -> list[int]:
    """Micro batches in the order of the run: all passes over a bucket's, each in an order of its own, then the next bucket's.

    Half a pass over a bucket is half of its micro batches, rounded up.

    Example: `run_through([[0, 1], [2]], 2, seed)` is two orders of 0 and 1, then 2, 2.
    """
    order: list[int] = []
    whole = int(epochs)
    for index, group in enumerate(groups):
        for number in range(ceil(epochs)):
            drawn = Random(f"{seed}:{index}:{number}").sample(group, len(group))
            order += drawn if number < whole else drawn[: ceil((epochs - whole) * len(drawn))]
    return order


def _waiting(rows: Sequence[Row], buckets: Sequence[Sequence[int]], seed: int) -> set[int]:
    """Rows of earlier buckets that wait for the last one."""
    earlier: dict[str, list[int]] = defaultdict(list)
    for number in (number for bucket in buckets[:-1] for number in bucket):
        earlier[rows[number].mode].append(number)
    last = Counter(rows[number].mode for bucket in buckets[-1:] for number in bucket)
    size = max(last.values(), default=0)
    waiting: set[int] = set()
    for mode, numbers in earlier.items():
        wanted = min(size - last[mode], int(MOST_HELD_BACK * len(numbers)))
        if wanted > 0:
            waiting.update(sorted(numbers, key=lambda number: _place(rows[number], seed))[:wanted])
    return waiting


def _place(row: Row, seed: int) -> tuple[int, int]:
    """A seeded place that the row's tokens decide."""
    return xxhash.xxh3_64_intdigest(np.asarray(row.input_ids, dtype=np.int64).tobytes(), seed=seed), len(row)
