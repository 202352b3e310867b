"""Base against adapter, problem by problem: what training fixed, what it broke, and problems worth reading."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nemoflow.errors import InputError
from nemoflow.evaluation.score import is_right
from nemoflow.records import Problem, Trace

Change = Literal["fixed", "broken", "right", "wrong"]

CHANGES: tuple[Change, ...] = ("fixed", "broken", "wrong", "right")
"""What was learned, what was lost, what is left, what was there before."""
TO_READ: tuple[Change, ...] = ("broken", "fixed", "wrong", "right")
"""In the order in which a reader wants them."""


@dataclass(frozen=True)
class Pair:
    """One problem (in one mode, where modes were told), and what both models made of it."""

    problem: Problem
    base: Trace
    adapter: Trace

    @property
    def mode(self) -> str:
        """The mode in which both were asked; empty without modes."""
        return self.adapter.mode

    @property
    def change(self) -> Change:
        """`fixed`, `broken`, or how it was before and after."""
        before, after = is_right(self.base), is_right(self.adapter)
        if before == after:
            return "right" if after else "wrong"
        return "fixed" if after else "broken"


def pair_up(problems: Iterable[Problem], base: Iterable[Trace], adapter: Iterable[Trace]) -> list[Pair]:
    """Pairs in the order of the modes, then of the problems, whose ids are unique.

    InputError where the two were not asked the same, or one of them twice.
    """
    before, after = _by_ask(base, "base"), _by_ask(adapter, "adapter")
    if before.keys() != after.keys():
        alone = min(before.keys() ^ after.keys())[0]
        raise InputError(
            f"base and adapter were not asked the same: {len(before)} and {len(after)} problems, {alone!r} is in one of them only;"
            " evaluate both with the same problems, limit, seed, modes, samples and repeats"
        )
    known = list(problems)
    modes, samples = dict.fromkeys(mode for _, mode, _ in after), sorted({sample for _, _, sample in after})
    asked = [(problem, (problem.id, mode, sample)) for mode in modes for problem in known for sample in samples]
    pairs = [Pair(problem, before[key], after[key]) for problem, key in asked if key in before]
    if len(pairs) < len(before):
        unknown = min(before.keys() - {(pair.problem.id, pair.mode, pair.adapter.sample) for pair in pairs})[0]
        raise InputError(f"a rollout answers problem {unknown!r}, which is not among the report's problems; wire those that were evaluated")
    return pairs


def _by_ask(traces: Iterable[Trace], who: str) -> dict[tuple[str, str, int], Trace]:
    """Traces by problem, mode and sample."""
    found: dict[tuple[str, str, int], Trace] = {}
    for row, trace in enumerate(traces, 1):
        key = (trace.problem_id, trace.mode, trace.sample)
        if key in found:
            raise InputError(
                f"{who}'s rollouts: row {row}: problem {trace.problem_id!r} was answered in a row before; one answer a problem"
                f"{' and mode' if trace.mode else ''} is right"
            )
        found[key] = trace
    return found


def counts(pairs: Iterable[Pair], kind: str | None = None, mode: str | None = None) -> dict[Change, int]:
    """How many problems of a kind and a mode (None: of all) changed in which way."""
    chosen = (pair for pair in pairs if kind in (None, pair.problem.category) and mode in (None, pair.mode))
    found = [pair.change for pair in chosen]
    return {change: found.count(change) for change in CHANGES}


def extracted(trace: Trace) -> str | None:
    """The answer that was compared with the gold one; the boxed one of a trace that was not verified."""
    return trace.verdict.extracted if trace.verdict else trace.answer


def said(trace: Trace) -> str:
    """The same as votes count it: answers are one where their text is, without regard to case, as the contest's metric sees them."""
    return (extracted(trace) or "").strip().lower()


def sign_test(more: int, fewer: int) -> float:
    """One-sided exact sign test: the chance of `more` or more of `more + fewer` if each went either way like a coin; 1 of none.

    With one attempt a problem it is the exact form of McNemar's test (Q. McNemar, "Note on the sampling error of the difference between
    correlated proportions", Psychometrika 12, 1947).
    """
    changed = more + fewer
    tail = ways = 1
    for index in range(fewer):
        ways = ways * (changed - index) // (index + 1)
        tail += ways
    return float(tail / 2**changed)


def mcnemar(fixed: int, broken: int) -> float:
    """Exact two-sided p of McNemar's test: chance of a split this uneven if training changed answers without direction."""
    return min(1.0, 2 * sign_test(max(fixed, broken), min(fixed, broken)))


def examples(pairs: Sequence[Pair], each: Mapping[Change, int]) -> list[Pair]:
    """Up to so many problems of every kind for each change, ordered by change, then kind; of several samples of one the first."""
    pairs = [pair for pair in pairs if pair.adapter.sample == 0]
    kinds = sorted({pair.problem.category for pair in pairs})
    return [
        pair
        for change in TO_READ
        for kind in kinds
        for pair in [pair for pair in pairs if pair.change == change and pair.problem.category == kind][: each[change]]
    ]
