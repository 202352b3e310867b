r"""The contest's metric, bit for bit: extraction of the answer from a response, and comparison with the gold answer.

Revision C was live at the end; revision B reproduces older scores. Both were rewritten here from a description of the metric
(its notebook is Apache-2.0) and its test vectors; there is no LaTeX, no unit and no thousands separator in it.

    >>> extract(r"so the factor is 2.5.</think>\boxed{24.40}")
    '24.40'
    >>> verify("24.64", "24.40"), verify("01", "1")
    (True, False)
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from nemoflow.answers.boxed import Revision, last_box

NOT_FOUND = "NOT_FOUND"

RELATIVE_TOLERANCE = 1e-2
ABSOLUTE_TOLERANCE = 1e-5

# The colon may be full-width; blanks after it, line ends among them, are skipped as the metric skips them.
_PHRASES = tuple(
    re.compile(phrase + r"\s*([^\n]+)", re.IGNORECASE)
    for phrase in ("the final answer is:", "final answer is:", r"final answer\s*[:\uff1a]")
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BINARY = re.compile(r"[01]+")


def extract(text: str | None, revision: Revision = "c") -> str:
    """The answer in a response: the last box that holds something, else a phrase's line, else the last number, else the last line."""
    if text is None:
        return NOT_FOUND
    boxed = last_box(text, revision)
    return _without_box(text) if boxed is None else boxed


def boxed_answer(text: str | None, revision: Revision = "c") -> str | None:
    """The answer in a response's boxes, None where no box holds anything: the metric's extraction without its fallbacks."""
    return (last_box(text, revision) or None) if text is not None else None


def _without_box(text: str) -> str:
    for phrase in _PHRASES:
        if lines := phrase.findall(text):
            return str(lines[-1]).strip()
    if numbers := _NUMBER.findall(text):
        return str(numbers[-1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else NOT_FOUND


def verify(truth: str, predicted: str) -> bool:
    """Whether an extracted answer counts: digits 0 and 1 as text, two floats within 1 %, else as text without regard to case."""
    truth, predicted = truth.strip(), predicted.strip()
    if not _BINARY.fullmatch(truth):
        try:
            return math.isclose(float(truth), float(predicted), rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
        except ValueError:
            pass
    return truth.lower() == predicted.lower()


@dataclass(frozen=True)
class Score:
    """Outcome over a set of answers."""

    right: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share of the truths that were matched; 0 for an empty set."""
        return self.right / self.total if self.total else 0.0


def score(pairs: Iterable[tuple[object, str | None]], revision: Revision = "c") -> Score:
    """Score (truth, response) pairs; a truth is turned to text first, as the metric does."""
    outcomes = [verify(str(truth), extract(response, revision)) for truth, response in pairs]
    return Score(right=sum(outcomes), total=len(outcomes))
