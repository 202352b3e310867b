"""Whether a model answers the problem or says the same whatever it is asked: mode collapse, seen before a submission is spent on it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nemoflow.evaluation.compare import said
from nemoflow.evaluation.score import wilson
from nemoflow.records import Problem, Trace

OFTEN = 0.1
"""An answer, or a response, that more than this share of the problems get is suspicious, unless the gold answers repeat as much."""


@dataclass(frozen=True)
class Spread:
    """How varied the responses to some problems are."""

    responses: int
    distinct: int
    """Different responses, to the letter."""
    strays: int
    """Responses that also stand, to the letter, under a problem with another gold answer."""
    answers: int
    """Different answers; of `golds` different gold answers."""
    golds: int
    top_answer: str
    top_count: int
    """How many gave it."""
    top_gold_count: int
    """How many problems have the most frequent gold answer."""

    @property
    def threshold(self) -> float:
        """Share that the most frequent answer may have: twice that of the most frequent gold answer, within bounds.

        At least 10 %, and no further than half-way from that gold's share to all.
        """
        gold = self.top_gold_count / self.responses if self.responses else 0.0
        return min(max(2 * gold, OFTEN), (1 + gold) / 2)

    @property
    def is_collapsed(self) -> bool:
        """Whether the lower 95 % bound (Wilson) of the most frequent answer's share, or of the strays', is above what may be."""
        if not self.responses:
            return False
        return wilson(self.top_count, self.responses)[0] > self.threshold or wilson(self.strays, self.responses)[0] > OFTEN

    def to_json(self) -> dict[str, Any]:
        """The counts and the finding."""
        names = ("responses", "distinct", "strays", "answers", "golds", "top_answer", "top_count", "top_gold_count")
        return {**{name: getattr(self, name) for name in names}, "is_collapsed": self.is_collapsed}


def spread(attempts: Iterable[tuple[Problem, Trace]]) -> Spread:
    """Over attempts of one model, each problem once (in one mode): of several samples the first."""
    rows = [(problem, trace) for problem, trace in attempts if trace.sample == 0]
    answers = Counter(answer for _, trace in rows if (answer := said(trace)))
    golds = Counter(str(problem.gold) for problem, _ in rows)
    asked: dict[str, set[str]] = {}
    for problem, trace in rows:
        asked.setdefault(trace.response, set()).add(str(problem.gold))
    top, count = min(answers.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    return Spread(
        responses=len(rows),
        distinct=len(asked),
        strays=sum(len(asked[trace.response]) > 1 for _, trace in rows),
        answers=len(answers),
        golds=len(golds),
        top_answer=top,
        top_count=count,
        top_gold_count=max(golds.values(), default=0),
    )
