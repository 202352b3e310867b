"""Pass rates: how often each problem was solved in each mode, and the problems that are too easy or too hard to learn from.

    rates = pass_rates(traces)
    rates["p1"]["low"].share                       # 0.875: right in 7 of 8 samples
    check = passes_rates(rates, {"low": Bounds(below=0.8)})

Nemotron-Math (arXiv 2512.15489) leaves out problems that the low effort solves in 80 % and more of its samples: `{"low": (0, 0.8)}`.
A mode is the word in a trace's `meta["mode"]`, such as `low` or `high+python`; traces of one mode only have none, which is "".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nemoflow.curate.decision import KEEP
from nemoflow.curate.filters import Check
from nemoflow.records import Trace

ANY = "*"
"""Stands for all modes together."""


@dataclass
class Rate:
    """Samples of one problem in one mode."""

    right: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """Right ones among all that came back."""
        return self.right / self.total if self.total else 0.0


@dataclass(frozen=True)
class Bounds:
    """Pass rates that are kept."""

    at_least: float = 0.0
    below: float = 1.01
    """Beyond 1 nothing is too easy."""


Rates = Mapping[str, Mapping[str, Rate]]


def pass_rates(traces: Iterable[Trace]) -> dict[str, dict[str, Rate]]:
    """By problem and mode. Only a teacher's own attempts with a verdict count: who was told the answer says nothing of difficulty."""
    rates: dict[str, dict[str, Rate]] = defaultdict(lambda: defaultdict(Rate))
    for trace in traces:
        if trace.source in ("teacher", "student") and trace.verdict is not None and trace.error is None:
            for mode in (trace.mode, ANY):
                rate = rates[trace.problem_id][mode]
                rate.total += 1
                rate.right += trace.verdict.verdict == "right"
    return {problem: dict(modes) for problem, modes in rates.items()}


def passes_rates(rates: Rates, bounds: Mapping[str, Bounds]) -> Check:
    """Drops all traces of a problem whose rate in a named mode is out of its bounds; a mode without samples says nothing."""

    def check(trace: Trace) -> str:
        for mode, bound in bounds.items():
            rate = rates.get(trace.problem_id, {}).get(mode)
            if rate is None or not rate.total:
                continue
            if rate.share >= bound.below:
                return "too-easy"
            if rate.share < bound.at_least:
                return "too-hard"
        return KEEP

    return check
