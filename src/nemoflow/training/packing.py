"""Rows put together by length: side by side in packs of a budget, or one above the other in stacks of nearly equal length.

Packs are best-fit decreasing: the longest row that is left goes where least room remains behind it. Rooms are kept sorted, so
a row costs one binary search. Nothing is ever cut: a row over the budget is refused by its number, or gets a pack of its own.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from nemoflow.errors import ConfigError, InputError

Overflow = Literal["refuse", "alone"]


@dataclass(frozen=True)
class Layout:
    """Row numbers that are held at once, and how much of what is held for them are tokens."""

    groups: list[list[int]]
    """Each row's number exactly once; in an order of the seed."""
    tokens: int
    """Tokens of all rows."""
    cells: int
    """Places held for them: the budget for each pack (or its length where that is more), rows times the longest for each stack."""

    @property
    def fill(self) -> float:
        """Share of the places that hold a token, 0 to 1."""
        return self.tokens / self.cells if self.cells else 1.0

    @property
    def padding(self) -> float:
        """Share of the places that hold none, 0 to 1."""
        return 1.0 - self.fill


def pack(lengths: Sequence[int], budget: int, seed: int = 0, overflow: Overflow = "refuse") -> Layout:
    """Put rows of these lengths (tokens) into as few packs of `budget` tokens as best-fit decreasing finds.

    The lengths in the packs do not depend on the order of the rows; which of several rows of one length goes where, and the order of the
    packs, is the seed's choice. InputError for a row that is empty or, unless it may stand `alone`, over the budget.

    Example: `pack([3, 2, 5, 1], 5).groups` are, in some order, [2], [0, 1] and [3].
    """
    order = _longest_first(lengths, budget, seed)
    if order and overflow == "refuse" and lengths[order[0]] > budget:
        first = min(number for number in order if lengths[number] > budget)
        raise InputError(f"row {first}: {lengths[first]} tokens do not go into a pack of {budget}; at most {budget} are right")
    groups: list[list[int]] = []
    waiting: dict[int, list[int]] = {}  # numbers of the packs by the room left in them
    rooms: list[int] = []  # those rooms, sorted
    for number in order:
        length = lengths[number]
        at = bisect_left(rooms, length)
        if at == len(rooms):
            groups.append([number])
            left, chosen = budget - length, len(groups) - 1
        else:
            room = rooms[at]
            chosen = waiting[room].pop()
            if not waiting[room]:
                del rooms[at]
            groups[chosen].append(number)
            left = room - length
        if left > 0:
            same = waiting.setdefault(left, [])
            if not same:
                insort(rooms, left)
            same.append(chosen)
    Random(seed).shuffle(groups)
    tokens = sum(lengths)
    over = sum(lengths[number] - budget for number in order if lengths[number] > budget)
    return Layout(groups, tokens, len(groups) * budget + over)


def stack(lengths: Sequence[int], budget: int, seed: int = 0) -> Layout:
    """Group rows of nearly the same length so that rows times the longest, padding included, stay within `budget` tokens.

    A row over the budget is a stack of its own. The lengths in the stacks do not depend on the order of the rows.

    Example: `stack([3, 3, 1, 1], 6).groups` are, in some order, [0, 1] and [2, 3] or the like.
    """
    order = _longest_first(lengths, budget, seed)
    groups: list[list[int]] = []
    start = 0
    while start < len(order):
        end = start + max(1, budget // lengths[order[start]])
        groups.append(order[start:end])
        start = end
    cells = sum(len(group) * lengths[group[0]] for group in groups)
    Random(seed).shuffle(groups)
    return Layout(groups, sum(lengths), cells)


def _longest_first(lengths: Sequence[int], budget: int, seed: int) -> list[int]:
    """Row numbers by falling length; rows of one length are shuffled, since neighbours of a corpus often answer one problem."""
    if budget < 1:
        raise ConfigError(f"a budget of {budget} tokens holds nothing; 1 or more are right")
    sizes = np.asarray(lengths, dtype=np.int64)
    if len(sizes) and sizes.min() < 1:
        empty = int(np.argmax(sizes < 1))
        raise InputError(f"row {empty}: {lengths[empty]} tokens; a row has one or more")
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    return [int(number) for number in shuffled[np.argsort(-sizes[shuffled], kind="stable")]]
