"""What a source of problems is: how its rows read, whose they are, and where the hub has them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nemoflow.problems.rows import Row, table_rows
from nemoflow.records import Problem


@dataclass(frozen=True)
class Hub:
    """A dataset of the Hugging Face hub."""

    repo: str
    """Such as `openai/gsm8k`."""
    split: str = "train"
    config: str | None = None


@dataclass(frozen=True)
class Source:
    """A layout of rows: an inert value, one a file."""

    name: str
    problem: Callable[[Row], Problem]
    """The problem of a row; InputError names file, row, field and value."""
    licence: str
    """As the maker states it; what a row says itself counts more."""
    rows: Callable[[Path], Iterator[Row]] = table_rows
    """Rows of a file."""
    hub: Hub | None = None
    """Where `nemoflow fetch` finds it; None where nobody offers it there."""
    has_several: bool = False
    """Whether a problem may have several rows, each with a solution; they become one problem."""

    def read(self, rows: Iterator[Row], revision: str = "") -> Iterator[Problem]:
        """Problems with licence and, where it is known, the hub's revision in their `meta`."""
        for row in rows:
            problem = self.problem(row)
            known = {"licence": self.licence} | ({"revision": revision} if revision else {})
            yield problem.model_copy(update={"meta": {**{key: value for key, value in known.items() if value}, **problem.meta}})


def joined(first: Problem, again: Problem) -> Problem:
    """One problem of two rows of it: the first one's, with both rows' solutions; a gold answer that the first lacks is taken."""
    solutions = [*_solutions(first), *(found for found in _solutions(again) if found not in _solutions(first))]
    meta = {**first.meta}
    if solutions:
        meta["solution"] = solutions[0]
    if len(solutions) > 1:
        meta["solutions"] = solutions
    return first.model_copy(update={"meta": meta, "gold": first.gold if first.gold is not None else again.gold})


def _solutions(problem: Problem) -> list[str]:
    several = problem.meta.get("solutions")
    if isinstance(several, list):
        return [found for found in several if isinstance(found, str)]
    one = problem.meta.get("solution")
    return [one] if isinstance(one, str) else []
