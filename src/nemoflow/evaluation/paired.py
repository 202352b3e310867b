"""The adapter's gain over the base on the same problems, with its interval and the chance of it by luck.

Both models answer the same problems, so the difference is taken problem by problem: what is hard for both drops out, and the
interval is narrower than that of two accuracies (E. Miller, "Adding error bars to evals", arXiv 2411.00640, 2024). A problem that
was asked in several modes counts as one draw with all its attempts, since they are not independent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nemoflow.evaluation.compare import Pair, sign_test
from nemoflow.evaluation.score import is_right

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """What training changed on one problem."""

    gain: int
    """Right answers of the adapter less those of the base."""
    attempts: int = 1
    """Of each model: one, or one a mode."""


@dataclass(frozen=True)
class Gain:
    """Accuracy of the adapter less that of the base, in percentage points."""

    problems: int
    points: float
    low: float
    high: float
    """Ends of the 95 % interval of the paired bootstrap."""
    better: int
    """Problems that the adapter solves more often than the base."""
    worse: int

    @property
    def chance(self) -> float:
        """One-sided: the chance of this many better problems or more, if training changed answers without direction."""
        return sign_test(self.better, self.worse)

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """The figures, rounded to what they can bear."""
        points = {name: round(float(getattr(self, name)), 4) for name in ("points", "low", "high")}
        return {"problems": self.problems, **points, "better": self.better, "worse": self.worse, "chance": self.chance}


def differences(pairs: Iterable[Pair]) -> list[Difference]:
    """One a problem, over all its modes, in the order in which the problems come first."""
    found: dict[str, tuple[int, int]] = {}
    for pair in pairs:
        gain, attempts = found.get(pair.problem.id, (0, 0))
        found[pair.problem.id] = (gain + is_right(pair.adapter) - is_right(pair.base), attempts + 1)
    return [Difference(gain, attempts) for gain, attempts in found.values()]


def measure_gain(changes: Sequence[Difference], resamples: int = RESAMPLES, seed: int = 0) -> Gain:
    """The gain over some problems; of none it is 0 and could be anything from -100 to 100."""
    if not changes:
        return Gain(0, 0.0, -100.0, 100.0, 0, 0)
    low, high = bootstrap(changes, resamples, seed)
    points = 100 * sum(change.gain for change in changes) / sum(change.attempts for change in changes)
    better, worse = sum(change.gain > 0 for change in changes), sum(change.gain < 0 for change in changes)
    return Gain(len(changes), points, low, high, better, worse)


def bootstrap(changes: Sequence[Difference], resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of the gain in points: problems drawn anew with replacement, base and adapter together.

    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993; paired over test items as in P. Koehn, "Statistical
    significance tests for machine translation evaluation", EMNLP 2004. Problems that changed alike cannot be told apart, so a draw of
    n problems is one multinomial draw over the few different changes: the same distribution, whatever n is. Where every problem
    changed alike the interval is a point, as nothing that was seen differs.
    """
    pairs = np.array([(change.gain, change.attempts) for change in changes], dtype=np.int64)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(changes), counts / len(changes), size=resamples)
    points = 100 * (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
    low, high = np.quantile(points, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def gains(pairs: Sequence[Pair], resamples: int = RESAMPLES, seed: int = 0) -> tuple[Gain, dict[str, Gain]]:
    """Over all problems, and of each kind in alphabetical order."""
    kinds: dict[str, list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault(pair.problem.category, []).append(pair)
    by_kind = {kind: measure_gain(differences(kinds[kind]), resamples, seed) for kind in sorted(kinds)}
    return measure_gain(differences(pairs), resamples, seed), by_kind
