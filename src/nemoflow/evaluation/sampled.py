"""Several samples of a problem: how often one of k is right, and how often the vote of k is.

Both are exact means over all choices of k of the n samples, so they have no noise of their own and do not depend on the order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from nemoflow.evaluation.compare import said
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


@dataclass(frozen=True)
class Sampled:
    """Several problems, with at least `samples` of each."""

    problems: int
    samples: int
    """Fewest of a problem."""
    passes: Mapping[int, float]
    """pass@k by k, averaged over the problems."""
    majorities: Mapping[int, float]
    """maj@k by k."""

    def to_json(self) -> dict[str, object]:
        """As it stands in a summary."""
        by_k = {str(k): {"pass": self.passes[k], "maj": self.majorities[k]} for k in self.passes}
        return {"problems": self.problems, "samples": self.samples, "k": by_k}


def sampled(traces: Iterable[Trace]) -> dict[str, Sampled]:
    """Of each kind that has several samples of every problem, in alphabetical order; k goes 1, 2, 4, 8, 16, then all that each has."""
    kinds: dict[str, dict[tuple[str, str], list[tuple[str, bool]]]] = {}
    for trace in traces:
        kinds.setdefault(trace.category, {}).setdefault((trace.problem_id, trace.mode), []).append((said(trace), is_right(trace)))
    found = {kind: _over([_votes(answers) for answers in kinds[kind].values()]) for kind in sorted(kinds)}
    return {kind: one for kind, one in found.items() if one.samples > 1}


def _over(all_votes: Sequence[Votes]) -> Sampled:
    fewest = min(votes.samples for votes in all_votes)
    steps = sorted({*(2**power for power in range(fewest.bit_length()) if 2**power <= MOST), fewest})
    return Sampled(
        len(all_votes),
        fewest,
        {k: sum(pass_at_k(votes.samples, sum(votes.right), k) for votes in all_votes) / len(all_votes) for k in steps},
        {k: sum(maj_at_k(votes, k) for votes in all_votes) / len(all_votes) for k in steps},
    )


def _votes(answers: Sequence[tuple[str, bool]]) -> Votes:
    counts: dict[tuple[str, bool], int] = {}
    for answer, is_one_right in answers:
        counts[answer, is_one_right] = counts.get((answer, is_one_right), 0) + 1
    silent = counts.pop(("", False), 0)
    right = tuple(count for (_, is_one_right), count in counts.items() if is_one_right)
    return Votes(right, tuple(count for (_, is_one_right), count in counts.items() if not is_one_right), silent)
