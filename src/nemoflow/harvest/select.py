"""Choosing one answer among a problem's samples by a model that compares them (GenSelect), where votes alone may be wrong.

Each distinct answer is put forward by one of its traces. Questions about a problem show the same answers in other orders, since selectors
favour what stands first, and each is one vote; a tie goes to the answer that more samples gave. Where all samples agree nobody is asked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import xxhash

from nemoflow.answers.boxed import balanced
from nemoflow.answers.voting import Ballot, Cluster, Same
from nemoflow.harvest.attempts import Asking, Group, attempt
from nemoflow.prompts.select import ask_selector, read_choice, shown
from nemoflow.records import Problem, Trace


@dataclass
class Candidates:
    """A problem's distinct answers, those with most votes first, and the traces that stand for them."""

    clusters: list[Cluster]
    speakers: list[Trace]

    @property
    def votes(self) -> int:
        """Samples that gave any of them."""
        return sum(cluster.votes for cluster in self.clusters)


def candidates_of(traces: Iterable[Trace], same: Same, most: int) -> dict[str, Candidates]:
    """By problem, up to `most` answers each; a trace without a box, or an endpoint's error, gives none."""
    ballots: dict[str, Ballot] = {}
    speakers: dict[str, Trace] = {}
    for trace in traces:
        answer = balanced(trace.response) if trace.error is None else None
        if answer is None:
            continue
        cluster = ballots.setdefault(trace.problem_id, Ballot(same)).add(answer, trace.id)
        first = speakers.setdefault(cluster.members[0], trace)
        if _rank(trace) < _rank(first):
            speakers[cluster.members[0]] = trace
    found = {}
    for name, ballot in ballots.items():
        clusters = sorted(ballot.clusters, key=lambda one: -one.votes)[:most]
        found[name] = Candidates(clusters, [speakers[cluster.members[0]] for cluster in clusters])
    return found


def _rank(trace: Trace) -> tuple[bool, int, str]:
    """Who speaks for an answer: a whole response before one that was cut off, then the shortest."""
    return trace.finish == "length", len(trace.response), trace.id


@dataclass
class Ballots:
    """What a selector is asked about every problem with several answers, and what it said."""

    asking: Asking
    seed: int
    rounds: int
    chars: int
    system: str = ""
    groups: dict[str, Group] = field(default_factory=dict)
    orders: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)

    def add(self, problem: Problem, candidates: Candidates) -> None:
        """Ask about a problem, in as many orders as there are rounds."""
        if len(candidates.clusters) < 2:
            return
        texts = [
            shown(one.response, cluster.answer, self.chars) for cluster, one in zip(candidates.clusters, candidates.speakers, strict=True)
        ]
        self.orders[problem.id] = tuple(self._order(problem.id, round_, len(texts)) for round_ in range(self.rounds))
        self.groups[problem.id] = tuple(
            attempt(
                problem, round_, ask_selector(problem.statement, [texts[place] for place in order], self.system), self.asking, self.seed
            )
            for round_, order in enumerate(self.orders[problem.id])
        )

    def _order(self, name: str, round_: int, count: int) -> tuple[int, ...]:
        """A seeded order; every second round is the one before it the other way round."""
        salt = f"{self.seed}\0{name}\0{round_ // 2}"
        order = sorted(range(count), key=lambda place: xxhash.xxh3_64_intdigest(f"{salt}\0{place}".encode()))
        return tuple(reversed(order) if round_ % 2 else order)

    def votes(self, answered: Iterable[Trace]) -> dict[str, Counter[int]]:
        """How often each candidate was chosen, by problem; what named none is no vote."""
        said = {trace.id: trace.response for trace in answered if trace.error is None}
        found: dict[str, Counter[int]] = {}
        for name, group in self.groups.items():
            found[name] = Counter()
            for one, order in zip(group, self.orders[name], strict=True):
                choice = read_choice(said.get(one.id, ""), len(order))
                if choice is not None:
                    found[name][order[choice]] += 1
        return found


def select(candidates: Candidates, votes: Mapping[int, int]) -> tuple[Trace, str]:
    """The trace of the chosen answer, and who chose: `agreement` (one answer), `selector`, or `votes` where the selector said nothing."""
    ranked: Sequence[int] = sorted(range(len(candidates.clusters)), key=lambda place: (-votes.get(place, 0), place))
    by = "agreement" if len(candidates.clusters) == 1 else "selector" if votes.get(ranked[0], 0) else "votes"
    chosen, cluster = candidates.speakers[ranked[0]], candidates.clusters[ranked[0]]
    meta = {"selected_by": by, "selected_votes": f"{cluster.votes}/{candidates.votes}"}
    if by == "selector":
        meta["selector_votes"] = f"{votes[ranked[0]]}/{sum(votes.values())}"
    return chosen.model_copy(update={"meta": {**chosen.meta, **meta}}), by
