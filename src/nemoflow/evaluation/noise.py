"""Noise: how much an accuracy moves when the same model is asked the same again.

A greedy answer turns with batches, kernels and versions, a sampled one with its seed. Of a problem with n attempts, a share p of them
right, one attempt varies by s^2 = n p (1 - p) / (n - 1), which is unbiased; attempts at different problems are taken as independent of
each other, so the accuracy over N problems with m attempts each varies by sum(s^2 / m) / N^2. That says more than the few accuracies of
the repeats alone, which are told beside it. Of two evaluations a difference beyond `1.96 * sqrt(variance + variance)` is more than noise
in 95 of 100 cases (the repeatability limit of ISO 5725-6).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nemoflow.errors import InputError
from nemoflow.evaluation.score import Z_95, is_right
from nemoflow.records import Trace


@dataclass(frozen=True)
class Noise:
    """Of one model's evaluation."""

    problems: int
    """Each mode of a problem counts."""
    attempts: int
    """Of each."""
    turned: int
    """Problems that were right in some attempts and wrong in others."""
    accuracies: tuple[float, ...]
    """Of the first attempts, of the second and so on."""
    one: float
    """Standard error, in points, of the accuracy of one attempt each."""

    @property
    def mean(self) -> float:
        """Standard error, in points, of the accuracy over all attempts."""
        return self.one / math.sqrt(self.attempts)

    @property
    def floor(self) -> float:
        """Points by which two evaluations of one attempt each differ by noise alone, in 95 of 100 cases at most."""
        return Z_95 * math.sqrt(2) * self.one

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        figures = {name: round(getattr(self, name), 4) for name in ("one", "mean", "floor")}
        return {"problems": self.problems, "attempts": self.attempts, "turned": self.turned, "accuracies": self.accuracies, **figures}


def noise(traces: Iterable[Trace]) -> Noise | None:
    """Of verified traces; None where nothing was asked twice. InputError where some problems were asked more often than others."""
    rights: dict[tuple[str, str], dict[int, bool]] = {}
    for trace in traces:
        rights.setdefault((trace.problem_id, trace.mode), {})[trace.sample] = is_right(trace)
    counts = {len(found) for found in rights.values()}
    if counts <= {1}:
        return None
    if len(counts) > 1:
        raise InputError(f"problems have {min(counts)} to {max(counts)} attempts; the same number of each is right")
    attempts = counts.pop()
    samples = sorted(next(iter(rights.values())))
    shares = [sum(found.values()) / attempts for found in rights.values()]
    varied = sum(attempts * share * (1 - share) / (attempts - 1) for share in shares)
    return Noise(
        len(rights),
        attempts,
        sum(0 < share < 1 for share in shares),
        tuple(sum(found.get(sample, False) for found in rights.values()) / len(rights) for sample in samples),
        100 * math.sqrt(varied) / len(rights),
    )


def floor_between(models: Sequence[Noise]) -> float:
    """Points of difference between two evaluations, each over all its attempts, that noise alone reaches in 5 of 100 cases."""
    return Z_95 * math.sqrt(sum(each.mean**2 for each in models))
