"""An adapter as what it computes: for each module of the base model a lora_A and a lora_B, wherever and however they lie in the file."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from nemoflow.models.headers import TensorHeader
from nemoflow.submission.base import BaseModules, Shape
from nemoflow.submission.keys import PREFIX
from nemoflow.submission.numbers import READERS, Floats, load
from nemoflow.submission.tensor_rules import Layout

_STACKED = re.compile(r"(?P<path>.+\.experts)(?:\.(?P<part>\w+?))?(?:\.|_)lora_(?P<side>[AB])(?:\.weight)?")

_load = lru_cache(maxsize=2)(load)
"""Stacked experts are read once, not once for each expert."""


@dataclass(frozen=True)
class Factor:
    """One matrix, read when it is wanted."""

    read: Callable[[], Floats]
    shape: Shape
    dtype: str
    names: tuple[str, ...]
    """The tensors that it comes from."""

    def padded(self, rows: int, columns: int) -> "Factor":
        """With zeros behind its rows and columns."""
        if self.shape == (rows, columns):
            return self
        more = ((0, rows - self.shape[0]), (0, columns - self.shape[1]))
        return replace(self, read=lambda: np.pad(self.read(), more), shape=(rows, columns))

    def times(self, number: float) -> "Factor":
        """Multiplied, in double precision until it is written."""
        return self if number == 1.0 else replace(self, read=lambda: self.read().astype("<f8") * number)


@dataclass(frozen=True)
class Pair:
    """A module's product B A."""

    a: Factor
    """rank x inputs."""
    b: Factor
    """outputs x rank."""
    pattern_name: str
    """The name that `rank_pattern` and `alpha_pattern` are matched with."""

    @property
    def rank(self) -> int:
        """Its inner size."""
        return self.a.shape[0]


def pairs_of(layout: Layout, tensors: Mapping[str, TensorHeader], base: BaseModules) -> dict[str, Pair]:
    """All pairs that are whole and fit the base model; the rest is left out."""
    pairs: dict[str, Pair] = {}
    for module, sides in layout.pairs.items():
        if module in base.shapes and len(sides) == 2:
            outputs, inputs = base.shapes[module]
            a, b = _turned(sides["A"], inputs, 1), _turned(sides["B"], outputs, 0)
            if a and b and a.shape[0] == b.shape[1]:
                pairs[module] = Pair(a, b, module)
    return pairs | unstacked([tensors[name] for name in layout.broken.get("fused-experts", ())], base)


def zero_pair(shape: Shape, rank: int, dtype: str) -> Pair:
    """A pair that adds nothing."""
    outputs, inputs = shape
    a, b = (Factor(lambda size=size: np.zeros(size, "<f4"), size, dtype, ()) for size in ((rank, inputs), (outputs, rank)))  # type: ignore[misc]
    return Pair(a, b, "")


def unstacked(tensors: Sequence[TensorHeader], base: BaseModules) -> dict[str, Pair]:
    """Stacked experts, matrix by matrix: as PEFT stacks them, or in three dimensions under the matrices' own name.

    PEFT keeps experts' A as (experts * rank, inputs), expert by expert, and B as (outputs, rank * experts), rank by rank
    (`ParamWrapper.get_delta_weight`). Which parameter a key means is told by its shapes; where they do not tell, it is left out.
    """
    sides: dict[tuple[str, str], dict[str, TensorHeader]] = {}
    for tensor in tensors:
        if match := _STACKED.fullmatch(tensor.name):
            path = base.family.module(match["path"].removeprefix(PREFIX))
            sides.setdefault((path, match["part"] or ""), {})[match["side"]] = tensor
    pairs: dict[str, Pair] = {}
    for (path, part), both in sides.items():
        if len(both) == 2:
            experts = base.experts(path)
            shapes = (len(both["A"].shape), len(both["B"].shape))
            pairs |= dict(_unstack(path, both["A"], both["B"], experts) if shapes == (2, 2) else _each(path, part, both, experts))
    return pairs


def _each(path: str, part: str, both: Mapping[str, TensorHeader], experts: Mapping[str, Shape]) -> Iterator[tuple[str, Pair]]:
    """A of (experts, rank, inputs) and B of (experts, outputs, rank), for the matrices that the key names."""
    a, b = both["A"], both["B"]
    wanted = {name: shape for name, shape in experts.items() if name.endswith(f".{part}")}
    if len(a.shape) != 3 or len(b.shape) != 3 or not len(wanted) == a.shape[0] == b.shape[0] or a.shape[1] != b.shape[2]:
        return
    for name, (outputs, inputs) in wanted.items():
        expert = int(name.partition(".")[0])
        if (b.shape[1], a.shape[2]) == (outputs, inputs) and expert < a.shape[0]:
            one = Factor(_slice_of(a, expert), (a.shape[1], inputs), a.dtype, (a.name,))
            other = Factor(_slice_of(b, expert), (outputs, b.shape[2]), b.dtype, (b.name,))
            yield f"{path}.{name}", Pair(one, other, f"{path}.{part}")


def _unstack(path: str, a: TensorHeader, b: TensorHeader, experts: Mapping[str, Shape]) -> Iterator[tuple[str, Pair]]:
    count = len({name.partition(".")[0] for name in experts})
    if len(a.shape) != 2 or len(b.shape) != 2 or not count or a.shape[0] % count or a.shape[0] != b.shape[1]:
        return
    rank = a.shape[0] // count
    parts = {name.partition(".")[2]: shape for name, shape in experts.items()}
    for part, (start, fused) in _meant(parts, b.shape[0], a.shape[1]).items():
        outputs = parts[part][0]
        for expert in range(count):
            one = Factor(_rows_of(a, expert * rank, rank), (rank, a.shape[1]), a.dtype, (a.name,))
            other = Factor(_columns_of(b, expert, count, start, outputs), (outputs, rank), b.dtype, (b.name,))
            yield f"{path}.{expert}.{part}", Pair(one, other, f"{path}.{fused}")


def _meant(parts: Mapping[str, Shape], outputs: int, inputs: int) -> dict[str, tuple[int, str]]:
    """Which matrices of an expert a stacked pair holds: name -> (first row in B, the stacked parameter's name)."""
    alike = [part for part, shape in parts.items() if shape == (outputs, inputs)]
    if len(alike) == 1 and "gate_proj" not in alike:
        return {alike[0]: (0, alike[0])}
    gated = parts.get("gate_proj") == parts.get("up_proj") == (outputs // 2, inputs)
    return {"gate_proj": (0, "gate_up_proj"), "up_proj": (outputs // 2, "gate_up_proj")} if gated and outputs % 2 == 0 else {}


def _rows_of(tensor: TensorHeader, start: int, count: int) -> Callable[[], Floats]:
    return lambda: _load(tensor)[start : start + count]


def _slice_of(tensor: TensorHeader, expert: int) -> Callable[[], Floats]:
    return lambda: _load(tensor)[expert]


def _columns_of(tensor: TensorHeader, expert: int, experts: int, start: int, rows: int) -> Callable[[], Floats]:
    return lambda: _load(tensor)[start : start + rows, expert::experts]


def _turned(tensor: TensorHeader, wide: int, axis: int) -> Factor | None:
    """A tensor as a factor whose `axis` has the size `wide`, transposed where that is the other one."""
    if len(tensor.shape) != 2 or tensor.dtype not in READERS or 0 in tensor.shape:
        return None
    rows, columns = tensor.shape
    if tensor.shape[axis] == wide:
        return Factor(lambda: load(tensor), (rows, columns), tensor.dtype, (tensor.name,))
    if tensor.shape[1 - axis] == wide:
        return Factor(lambda: load(tensor).T, (columns, rows), tensor.dtype, (tensor.name,))
    return None


def deltas(pairs: Mapping[str, Pair], scale: Callable[[str, Pair], float]) -> Iterator[tuple[str, Any]]:
    """(module, B A times its scale), one after the other."""
    for module, pair in pairs.items():
        yield module, scale(module, pair) * (pair.b.read().astype("<f8") @ pair.a.read().astype("<f8"))
