"""Decision: keep a trace or drop it with a reason; Tally: how many of each."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nemoflow.records import JsonDict, Trace

KEEP = ""
"""The reason of a trace that is kept."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a trace."""

    trace: Trace
    reason: str = KEEP
    """Why it is dropped; empty where it is kept."""
    details: JsonDict = field(default_factory=dict)
    """What else a reader of the dropped row wants to know, such as the row that it duplicates."""

    @property
    def is_kept(self) -> bool:
        """Whether there is no reason to drop it."""
        return not self.reason

    def rejected(self) -> Trace:
        """The dropped row, which says why in its `meta`."""
        return self.trace.model_copy(update={"meta": {**self.trace.meta, "rejected": self.reason, **self.details}})


@dataclass
class Tally:
    """Counts of decisions."""

    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many were dropped, by reason."""

    @property
    def dropped(self) -> int:
        """How many were dropped in all."""
        return self.reasons.total()

    @property
    def total(self) -> int:
        """How many there were."""
        return self.kept + self.dropped


def part(decisions: Iterable[Decision], keep: Callable[[Trace], None], reject: Callable[[Trace], None]) -> Tally:
    """Hand kept traces to `keep` and dropped ones, marked, to `reject`, one at a time; the tally says how many."""
    tally = Tally()
    for decision in decisions:
        if decision.is_kept:
            tally.kept += 1
            keep(decision.trace)
        else:
            tally.reasons[decision.reason] += 1
            reject(decision.rejected())
    return tally
