"""What right answers cost in tokens, and one figure for accuracy and brevity together.

`efficiency` is the mean over all attempts of what each is worth: a wrong answer 0, a right one 1 less the share of the token limit
that it took. It lies between 0 and the accuracy, is 0 for a response that ran into the limit, and compares models under one limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nemoflow.evaluation.score import is_right
from nemoflow.records import Trace


@dataclass(frozen=True)
class Costs:
    """Of one model over its attempts."""

    attempts: int
    right: int
    tokens: int
    """Generated, for right and wrong answers alike."""
    right_tokens: int
    """Generated for the right ones."""
    limit: int
    """Tokens after which a response is cut off."""

    @property
    def tokens_per_right(self) -> float | None:
        """All tokens for one right answer, those of the wrong ones too; None where nothing is right."""
        return self.tokens / self.right if self.right else None

    @property
    def efficiency(self) -> float:
        """(right answers - their tokens / limit) / attempts."""
        return max(0.0, self.right - self.right_tokens / self.limit) / self.attempts if self.attempts else 0.0

    def to_json(self) -> dict[str, Any]:
        """Both figures."""
        return {"tokens_per_right": self.tokens_per_right, "efficiency": self.efficiency}


def costs(traces: Iterable[Trace], limit: int) -> Costs:
    """Add up verified traces; what is over the limit counts as the limit."""
    attempts = right = tokens = right_tokens = 0
    for trace in traces:
        written = trace.usage.completion_tokens
        attempts, tokens = attempts + 1, tokens + written
        if is_right(trace):
            right, right_tokens = right + 1, right_tokens + min(written, limit)
    return Costs(attempts, right, tokens, right_tokens, limit)
