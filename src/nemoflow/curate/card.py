"""The corpus card: what a corpus holds, counted. It names no time and no place, so equal corpora have equal cards."""

from collections import Counter
from typing import Any

from nemoflow.records import Example, Trace

NARROWEST = 64
"""Characters of the narrowest class of the length histogram; each further class is twice as wide."""


class Card:
    """Counts examples as they are written."""

    def __init__(self) -> None:
        self.rows = 0
        self._problems: set[str] = set()
        self._counts: dict[str, Counter[str]] = {"category": Counter(), "source": Counter(), "model": Counter(), "verdict": Counter()}
        self._lengths: Counter[int] = Counter()
        self._chars = 0

    def add(self, example: Example, trace: Trace) -> None:
        """Count an example and the trace that it was made of."""
        self.rows += 1
        self._problems.add(example.problem_id)
        self._counts["category"][example.category] += 1
        self._counts["source"][example.source] += 1
        self._counts["model"][trace.model] += 1
        self._counts["verdict"][trace.verdict.verdict if trace.verdict is not None else "none"] += 1
        self._lengths[_class_of(len(example.response))] += 1
        self._chars += len(example.response)

    def as_json(self) -> dict[str, Any]:
        """Counts by category, source, model and verdict, and a histogram of response lengths in characters."""
        return {
            "rows": self.rows,
            "problems": len(self._problems),
            **{f"by_{name}": dict(sorted(counts.items())) for name, counts in self._counts.items()},
            "response_chars": {
                "mean": round(self._chars / self.rows, 1) if self.rows else 0.0,
                "histogram": [{"below": below, "rows": self._lengths[below]} for below in sorted(self._lengths)],
            },
        }


def _class_of(length: int) -> int:
    """The upper bound of a length's class, a doubling of the narrowest."""
    below = NARROWEST
    while length >= below:
        below *= 2
    return below
