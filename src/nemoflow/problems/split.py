"""Which problems are held out, and which are taken where a set is larger than wanted: by a stable hash, never by order."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import xxhash

from nemoflow.records import Problem


@dataclass(frozen=True)
class Split:
    """Two sides of a set, each in the order of the file."""

    train: list[Problem]
    eval: list[Problem]


def split(problems: Iterable[Problem], eval_share: float, seed: int) -> Split:
    """Hold a share out. A problem's side follows from its id and the seed alone, so a larger set moves nobody."""
    sides = Split([], [])
    for problem in problems:
        is_held_out = _place(problem, seed, "side") < eval_share
        (sides.eval if is_held_out else sides.train).append(problem)
    return sides


def limit(problems: list[Problem], per_category: int, seed: int) -> list[Problem]:
    """At most so many of each category, drawn by hash, in their order; 0 takes all."""
    if per_category == 0:
        return problems
    places: dict[str, list[float]] = defaultdict(list)
    for problem in problems:
        places[problem.category].append(_place(problem, seed, "draw"))
    bounds = {category: sorted(found)[:per_category][-1] for category, found in places.items()}
    return [problem for problem in problems if _place(problem, seed, "draw") <= bounds[problem.category]]


def _place(problem: Problem, seed: int, purpose: str) -> float:
    """A number in [0, 1) that is the problem's own; side and draw are independent of one another."""
    return xxhash.xxh3_64_intdigest(f"{purpose}/{seed}/{problem.id}".encode()) / 2.0**64
