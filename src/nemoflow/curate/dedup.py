"""Dedup: exact duplicates by hash, near ones by MinHash, those that mean the same by embeddings; the best copy stays.

What is compared: `response` looks for samples of one problem with the same response; `statement` for problems that ask the same
and keeps the traces of the first of them by id. Responses of different problems are never compared: a contest puzzle's
traces follow one form, and would all be near each other.

    plan = survey(traces, "response", near_threshold=0.8)
    decisions = plan.decide(traces_again)

The best copy is the right one before an unclear before a wrong one, then the shortest, then the first by id (`cluster` says the rest).
With a reference, what is like one of its rows goes, whatever its rank; the reference itself is left as it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nemoflow.curate.cluster import Limits, cluster
from nemoflow.curate.decision import KEEP, Decision
from nemoflow.curate.encoder import Encoder
from nemoflow.curate.signatures import require_rensa
from nemoflow.curate.sketches import Compared, Means, key_of, sketches, unit_of
from nemoflow.curate.table import Table
from nemoflow.records import Duplicate, Problem, Trace


@dataclass
class Plan:
    """What is dropped, by number of the row: the reason, and the id that it duplicates."""

    dropped: dict[int, tuple[str, str]] = field(default_factory=dict)

    def decide(self, traces: Iterable[Trace]) -> Iterator[Decision]:
        """Decisions over the surveyed traces, read a second time in the same order."""
        for row, trace in enumerate(traces):
            if row in self.dropped:
                reason, kept = self.dropped[row]
                yield Decision(trace, reason, {"duplicate_of": kept})
            else:
                yield Decision(trace, KEEP)


def survey(
    traces: Iterable[Trace],
    compared: Compared = "response",
    near_threshold: float | None = None,
    semantic_threshold: float | None = None,
    encoder: Encoder | None = None,
    reference: Iterable[Trace | Problem] = (),
) -> Plan:
    """Read all traces once and find the duplicates.

    `near_threshold` is the share of common word triples (Jaccard, estimated) from which two texts are near, `semantic_threshold`
    the cosine of their embeddings from which they mean the same; None leaves that way out.

    Raises ConfigError where near duplicates are asked for and rensa is not installed.
    """
    if near_threshold is not None:
        require_rensa("dedup.near")
    means = Means(near_threshold is not None, encoder if semantic_threshold is not None else None)
    rows: list[str] = []

    def noted() -> Iterator[Trace]:
        for trace in traces:
            rows.append(trace.problem_id if compared == "statement" else "")
            yield trace

    with Table() as table:
        for sketch in sketches(reference, compared, means):
            table.add(sketch, is_reference=True)
        first = len(table)
        for sketch in sketches(noted(), compared, means):
            table.add(sketch)
        found = cluster(table, Limits(near_threshold, semantic_threshold if means.encoder is not None else None))
        dropped = {unit - first: (finding.reason, table.ids[finding.kept]) for unit, finding in found.items()}
        if compared == "response":
            return Plan(dropped)
        by_problem = {table.keys[first + unit]: told for unit, told in dropped.items()}
    return Plan({row: by_problem[problem_id] for row, problem_id in enumerate(rows) if problem_id in by_problem})


def duplicates(table: Table, limits: Limits) -> Iterator[Duplicate]:
    """The same as rows, sorted by key: what shards made of their parts is told to all of them."""
    told = [
        Duplicate(
            key=table.keys[row],
            reason=finding.reason,
            duplicate_of=table.ids[finding.kept],
            is_twin=table.keys[row] == table.keys[finding.kept] and not table.is_reference[finding.kept],
        )
        for row, finding in cluster(table, limits).items()
    ]
    yield from sorted(told, key=lambda row: (row.key, row.is_twin, row.duplicate_of))


class Keeper:
    """Decides over the rows of one shard by what was told to all.

    Of rows that are the same to the byte one stays, unless another row makes that one superfluous too.
    """

    def __init__(self, told: Iterable[Duplicate], compared: Compared) -> None:
        self._compared: Compared = compared
        self._gone: dict[str, Duplicate] = {}
        self._twins: Counter[str] = Counter()
        for row in told:
            if row.is_twin:
                self._twins[row.key] += 1
            else:
                self._gone[row.key] = row

    def decide(self, traces: Iterable[Trace]) -> Iterator[Decision]:
        """A decision a trace."""
        for trace in traces:
            key = unit_of(trace, self._compared)
            if self._compared == "response" and self._twins[key] > 0:
                self._twins[key] -= 1
                yield Decision(trace, "exact-duplicate", {"duplicate_of": trace.id})
            elif (row := self._gone.get(key)) is not None:
                yield Decision(trace, row.reason, {"duplicate_of": row.duplicate_of})
            else:
                yield Decision(trace, KEEP)


__all__ = ["Compared", "Keeper", "Plan", "duplicates", "key_of", "survey"]
