"""The step `make-problems`: puzzles of the contest's kinds from generators of our own, with hidden parameters kept apart."""

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random

from pydantic import Field, model_validator

from nemoflow.artifacts import Problems
from nemoflow.config import Config, later
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.family import Level
from nemoflow.puzzles.mistakes import slipped
from nemoflow.puzzles.split import Side, draw
from nemoflow.records import Problem

MOST = 1_000_000
"""Puzzles of a kind: each statement is remembered while they are drawn, so that none comes twice."""


class MakeProblemsConfig(Config):
    """How many puzzles of which kind."""

    train: dict[str, int] = Field({"numeral": 1000, "unit": 2000})
    """Puzzles to learn from: kind to count."""
    eval: dict[str, int] = Field({"numeral": 200, "unit": 200})
    """Held-out puzzles: kind to count; none of their hidden parameters occurs in `train`."""
    level: Level = "contest"
    """How hard they are: `contest` as the contest draws them, `easy` for a tiny student, `hard` beyond."""
    missing_gold: float = later(0.0, ge=0, le=1)
    """Share of the training puzzles that come without their gold answer, as problems from a forum do."""
    wrong_gold: float = later(0.0, ge=0, le=1)
    """Share of them whose gold answer is wrong."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Decides which puzzles are drawn; a larger count adds to those of a smaller one."""

    @model_validator(mode="after")
    def _known_kinds(self) -> "MakeProblemsConfig":
        for side, counts in (("train", self.train), ("eval", self.eval)):
            for kind, count in counts.items():
                if kind not in FAMILIES:
                    raise ValueError(f"{side}: unknown kind {kind!r}; known kinds: {', '.join(sorted(FAMILIES))}")
                if not 1 <= count <= MOST:
                    raise ValueError(f"{side}.{kind}: a count is at least 1 and at most {MOST:,}")
            if not counts:
                raise ValueError(f"{side}: no kind named; known kinds: {', '.join(sorted(FAMILIES))}")
        if self.missing_gold + self.wrong_gold > 1:
            raise ValueError(f"missing_gold {self.missing_gold:g} and wrong_gold {self.wrong_gold:g}: together at most 1")
        return self


def problems(counts: Mapping[str, int], side: Side, seed: int, level: Level) -> Iterator[Problem]:
    """So many puzzles of each kind, kinds in the order of their names."""
    for kind in sorted(counts):
        yield from islice(draw(FAMILIES[kind], side, seed, level), counts[kind])


def spoil(problem: Problem, missing: float, wrong: float, seed: int) -> Problem:
    """The puzzle without its gold answer, or with a wrong one, in these shares; which ones, seed and id decide."""
    random = Random(f"{seed}/{problem.id}/gold")
    draw = random.random()
    if problem.gold is None or draw >= missing + wrong:
        return problem
    return problem.model_copy(update={"gold": None if draw < missing else slipped(problem.gold, random)})


def run(config: MakeProblemsConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Draw both sides."""
    drawn = problems(config.train, "train", config.seed, config.level)
    train = outputs["train"].write(spoil(problem, config.missing_gold, config.wrong_gold, config.seed) for problem in drawn)
    held_out = outputs["eval"].write(problems(config.eval, "eval", config.seed, config.level))
    return Outcome(metrics={"train": train, "eval": held_out})


MAKE_PROBLEMS = Step(
    name="make-problems",
    version=2,
    config=MakeProblemsConfig,
    run=run,
    outputs={"train": Problems, "eval": Problems},
)
