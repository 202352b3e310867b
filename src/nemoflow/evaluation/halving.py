"""Successive halving: many candidates on few problems, the better half on twice as many, until one is left and all problems were asked.

It spends most on the candidates that are hard to tell apart (Z. Karnin et al., "Almost optimal exploration in multi-armed bandits", ICML
2013; K. Jamieson and A. Talwalkar, AISTATS 2016). Candidates are compared on the same problems. The first candidate is what there was
before: it is never dropped and not counted among those that are halved, so that whoever wins is compared with it on every problem.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nemoflow.evaluation.paired import Difference, Gain, measure_gain
from nemoflow.evaluation.score import is_right
from nemoflow.records import Problem, Trace

Turn = tuple[int, Problem]
"""A candidate by its number, and a problem for it."""


@dataclass(frozen=True)
class Standing:
    """How a candidate does on the problems so far."""

    candidate: int
    right: int
    asked: int
    tokens: int
    """Prompt and response, over all problems so far."""
    is_kept: bool

    def to_json(self) -> dict[str, Any]:
        """All of it, and the accuracy."""
        return {**vars(self), "accuracy": self.right / self.asked}


@dataclass(frozen=True)
class Round:
    """One round, best candidates first; of those that are equally right the cheaper one, then the earlier one."""

    problems: int
    """That each candidate had been asked by then."""
    standings: tuple[Standing, ...]


def halve(candidates: int, problems: Sequence[Problem], first: int, ask: Callable[[Sequence[Turn]], Sequence[Trace]]) -> Iterator[Round]:
    """Round after round; `ask` gives verified traces in the order of the turns. The best of the last round is the winner."""
    alive, found = list(range(candidates)), {number: list[Trace]() for number in range(candidates)}
    seen, upto = 0, min(first, len(problems))
    while True:
        turns = [(number, problem) for number in alive for problem in problems[seen:upto]]
        for (number, _), trace in zip(turns, ask(turns), strict=True):
            found[number].append(trace)
        ranked = sorted(alive, key=lambda number: (-_right(found[number]), _tokens(found[number]), number))
        is_last = upto == len(problems)
        others = [number for number in ranked if number]
        best = ranked[:1] if is_last else others[: (len(others) + 1) // 2]
        kept = {*best, 0}
        yield Round(upto, tuple(_standing(number, found[number], number in kept) for number in ranked))
        if is_last:
            return
        alive = sorted(kept)
        seen, upto = upto, len(problems) if len(best) <= 1 else min(2 * upto, len(problems))


def gain_over_first(first: Sequence[Trace], other: Sequence[Trace]) -> Gain:
    """What `other` has over the first candidate on the problems that both were asked."""
    before = {trace.problem_id: is_right(trace) for trace in first}
    return measure_gain([Difference(is_right(trace) - before[trace.problem_id]) for trace in other])


def _right(traces: Sequence[Trace]) -> int:
    return sum(map(is_right, traces))


def _tokens(traces: Sequence[Trace]) -> int:
    return sum(trace.usage.prompt_tokens + trace.usage.completion_tokens for trace in traces)


def _standing(number: int, traces: Sequence[Trace], is_kept: bool) -> Standing:
    return Standing(number, _right(traces), len(traces), _tokens(traces), is_kept)
