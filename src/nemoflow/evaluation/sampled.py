"""Several samples of a problem: how often one of k is right, and how often the vote of k is.

Both are exact means over all choices of k of the n samples, so they have no noise of their own and do not depend on the order. Their
intervals are about the choice of problems: a bootstrap that draws problems, each with all its samples in all its modes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from nemoflow.answers.voting import Ballot, Same
from nemoflow.evaluation.compare import extracted, said
from nemoflow.evaluation.score import is_right
from nemoflow.records import Trace

MOST = 16
"""Largest k below the number of samples that a table gives; the choices of more are many and say little more."""


@dataclass(frozen=True)
class Votes:
    """The samples of one problem, by answer."""

    right: tuple[int, ...] = ()
    """How many gave each answer that is right; the metric may take several."""
    wrong: tuple[int, ...] = ()
    """How many gave each wrong answer."""
    silent: int = 0
    """How many gave none: they are samples and no votes."""

    @property
    def samples(self) -> int:
        """Of the problem."""
        return sum(self.right) + sum(self.wrong) + self.silent


def pass_at_k(samples: int, right: int, k: int) -> float:
    """The chance that k of the samples hold a right one: 1 - C(n - c, k) / C(n, k).

    The unbiased estimator of M. Chen et al., "Evaluating large language models trained on code", arXiv 2107.03374, 2021, section 2.1.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {samples} samples; 1 to {samples} is right")
    return 1 - comb(samples - right, k) / comb(samples, k)


def maj_at_k(votes: Votes, k: int) -> float:
    """The chance that the most frequent answer of k samples is right; answers that tie share it, and no answer at all is wrong.

    The vote is self-consistency (X. Wang et al., arXiv 2203.11171, 2022). For each height that a win can have, the choices are
    counted in which no answer is more frequent, by the numbers of right and wrong answers that reach it.
    """
    if not 1 <= k <= votes.samples:
        raise ValueError(f"maj@{k} of {votes.samples} samples; 1 to {votes.samples} is right")
    if k == votes.samples:
        top = max((*votes.right, *votes.wrong), default=0)
        return votes.right.count(top) / (votes.right.count(top) + votes.wrong.count(top)) if top else 0.0
    won = sum(
        ways * right / (right + wrong)
        for height in range(1, min(k, max(votes.right, default=0)) + 1)
        for (taken, right, wrong), ways in _ways(votes, height, k).items()
        if taken == k and right
    )
    return won / comb(votes.samples, k)


def _ways(votes: Votes, height: int, k: int) -> dict[tuple[int, int, int], int]:
    """(samples taken, right answers at `height`, wrong ones) -> choices, of those with no answer above it."""
    found = {(taken, 0, 0): comb(votes.silent, taken) for taken in range(min(votes.silent, k) + 1)}
    for count, is_one_right in [*((count, True) for count in votes.right), *((count, False) for count in votes.wrong)]:
        after: dict[tuple[int, int, int], int] = {}
        for (taken, right, wrong), ways in found.items():
            for share in range(min(count, height, k - taken) + 1):
                tops = share == height
                key = (taken + share, right + (tops and is_one_right), wrong + (tops and not is_one_right))
                after[key] = after.get(key, 0) + ways * comb(count, share)
        found = after
    return found


Bounds = tuple[float, float]
RESAMPLES = 2000
AT_ONCE = 200
"""Resamples drawn together; of ten thousand problems that all differ they take 16 MB."""


@dataclass(frozen=True)
class Sampled:
    """Several problems, with at least `samples` of each."""

    problems: int
    """Each mode of a problem counts."""
    samples: int
    """Fewest of a problem."""
    passes: Mapping[int, float]
    """pass@k by k, averaged over the problems."""
    majorities: Mapping[int, float]
    """maj@k by k."""
    pass_bounds: Mapping[int, Bounds]
    """95 % intervals of the bootstrap over problems."""
    majority_bounds: Mapping[int, Bounds]

    def to_json(self) -> dict[str, object]:
        """As it stands in a summary."""
        return {"problems": self.problems, "samples": self.samples, "k": {str(k): self._at(k) for k in self.passes}}

    def _at(self, k: int) -> dict[str, float]:
        (pass_low, pass_high), (maj_low, maj_high) = self.pass_bounds[k], self.majority_bounds[k]
        passes = {"pass": self.passes[k], "pass_low": pass_low, "pass_high": pass_high}
        return {**passes, "maj": self.majorities[k], "maj_low": maj_low, "maj_high": maj_high}


def sampled(
    traces: Iterable[Trace], by: Callable[[Trace], str] = lambda trace: trace.category, same: Same | None = None
) -> dict[str, Sampled]:
    """Of each kind (or whatever `by` says) that has several samples of every problem, in alphabetical order.

    k goes 1, 2, 4, 8, 16, then all that each has. Answers that are `same` are one vote, by text without it.
    """
    groups: dict[str, dict[tuple[str, str], list[Trace]]] = {}
    for trace in traces:
        groups.setdefault(by(trace), {}).setdefault((trace.problem_id, trace.mode), []).append(trace)
    return {name: _over(groups[name], same) for name in sorted(groups) if min(map(len, groups[name].values())) > 1}


def _over(problems: Mapping[tuple[str, str], Sequence[Trace]], same: Same | None) -> Sampled:
    votes = {key: _votes(traces, same) for key, traces in problems.items()}
    fewest = min(one.samples for one in votes.values())
    steps = sorted({*(2**power for power in range(fewest.bit_length()) if 2**power <= MOST), fewest})
    names = [name for name, _ in votes]
    passes = {k: [pass_at_k(one.samples, sum(one.right), k) for one in votes.values()] for k in steps}
    majorities = {k: [maj_at_k(one, k) for one in votes.values()] for k in steps}
    return Sampled(
        len(votes),
        fewest,
        {k: sum(values) / len(values) for k, values in passes.items()},
        {k: sum(values) / len(values) for k, values in majorities.items()},
        {k: bootstrap_mean(names, values) for k, values in passes.items()},
        {k: bootstrap_mean(names, values) for k, values in majorities.items()},
    )


def bootstrap_mean(names: Sequence[str], values: Sequence[float], resamples: int = RESAMPLES, seed: int = 0, level: float = 0.95) -> Bounds:
    """Percentile interval of a mean of `values`; those with one name are drawn together, as attempts at one problem are.

    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993. Names with the same sum and count cannot be told apart, so a draw
    of n names is one multinomial draw over the different ones.
    """
    totals: dict[str, tuple[float, int]] = {}
    for name, value in zip(names, values, strict=True):
        total, count = totals.get(name, (0.0, 0))
        totals[name] = (total + value, count + 1)
    kinds, counts = np.unique(np.array(list(totals.values())), axis=0, return_counts=True)
    draw = np.random.default_rng(seed)
    means: list[float] = []
    for start in range(0, resamples, AT_ONCE):
        drawn = draw.multinomial(len(totals), counts / len(totals), size=min(AT_ONCE, resamples - start))
        means.extend((drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1]))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _votes(traces: Sequence[Trace], same: Same | None) -> Votes:
    """Answers by how many gave them; the verdict of answers that are one is that of the first."""
    counts = _by_equality(traces, same) if same else _by_text(traces)
    silent = sum(not said(trace) for trace in traces)
    right = tuple(count for count, is_one_right in counts if is_one_right)
    return Votes(right, tuple(count for count, is_one_right in counts if not is_one_right), silent)


def _by_text(traces: Iterable[Trace]) -> list[tuple[int, bool]]:
    counts: dict[tuple[str, bool], int] = {}
    for trace in traces:
        if answer := said(trace):
            key = (answer, is_right(trace))
            counts[key] = counts.get(key, 0) + 1
    return [(count, is_one_right) for (_, is_one_right), count in counts.items()]


def _by_equality(traces: Iterable[Trace], same: Same) -> list[tuple[int, bool]]:
    ballot, rights = Ballot(same), {trace.id: is_right(trace) for trace in traces}
    for trace in traces:
        if said(trace):
            ballot.add(extracted(trace) or "", trace.id)
    return [(cluster.votes, rights[cluster.members[0]]) for cluster in ballot.clusters]
