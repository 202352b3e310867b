"""How far the solvers get on a set of puzzles: one finding a puzzle, one line a kind."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nemoflow.answers.competition import verify
from nemoflow.puzzles.catalog import family_of
from nemoflow.puzzles.family import Solution
from nemoflow.records import Problem

UNKNOWN = "unknown"
"""Kind of a statement that no family's marker phrase is found in."""


@dataclass(frozen=True)
class Finding:
    """What a solver found for one problem, and how long it took."""

    problem: Problem
    kind: str
    solution: Solution
    seconds: float

    @property
    def is_solved(self) -> bool:
        """Whether there is an answer at all."""
        return bool(self.solution.answer)

    @property
    def is_right(self) -> bool:
        """Whether the contest's metric takes the answer for the gold one; a problem without gold is never right."""
        return self.is_solved and self.problem.gold is not None and verify(self.problem.gold, self.solution.answer)

    @property
    def row(self) -> dict[str, Any]:
        """The finding as a row of its own."""
        found = {"answer": self.solution.answer, "confidence": self.solution.confidence}
        return {"id": self.problem.id, "kind": self.kind, **found, "seconds": round(self.seconds, 6)}


@dataclass(frozen=True)
class Tally:
    """The findings of one kind."""

    kind: str
    findings: tuple[Finding, ...]

    @property
    def solved(self) -> int:
        """How many have an answer."""
        return sum(finding.is_solved for finding in self.findings)

    @property
    def with_gold(self) -> int:
        """How many can be checked."""
        return sum(finding.problem.gold is not None for finding in self.findings)

    @property
    def right(self) -> int:
        """How many the metric counts."""
        return sum(finding.is_right for finding in self.findings)

    @property
    def forced(self) -> int:
        """How many answers are the only ones that fit."""
        return sum(finding.solution.confidence == "forced" for finding in self.findings)

    @property
    def seconds(self) -> float:
        """Time of the solver in all."""
        return sum(finding.seconds for finding in self.findings)


def solve_all(problems: Iterable[Problem]) -> Iterator[Finding]:
    """One finding a problem, in their order."""
    for problem in problems:
        family = family_of(problem.statement)
        begun = time.perf_counter()
        solution = family.solve(problem.statement) if family else Solution("", "no kind's phrase in the prompt", "none")
        yield Finding(problem, family.name if family else UNKNOWN, solution, time.perf_counter() - begun)


def tallies(findings: Iterable[Finding]) -> list[Tally]:
    """One for each kind, in the order of their names, then one for all."""
    kept = tuple(findings)
    kinds = sorted({finding.kind for finding in kept})
    return [Tally(kind, tuple(one for one in kept if one.kind == kind)) for kind in kinds] + [Tally("all", kept)]
