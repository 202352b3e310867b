r"""Verdicts: attempts in, `records.Verdict` out, by the contest's metric or by symbolic equality.

    with open_verifier("symbolic", workers=2) as verdicts:
        for verdict in verdicts([Attempt(gold="1/2", response=r"... \boxed{0.5}")]):
            ...

An attempt is always data: no gold answer, an endpoint's error or an answer that no rule can decide has a verdict too.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import tee
from typing import TYPE_CHECKING, Literal

from nemoflow.answers import competition
from nemoflow.answers.boxed import Revision
from nemoflow.answers.code_tests import Tests
from nemoflow.answers.extraction import answer_in, stated
from nemoflow.records import Verdict

if TYPE_CHECKING:
    from nemoflow.answers.symbolic import SymbolicPool

Metric = Literal["competition", "symbolic"]

NO_ANSWER = ("", competition.NOT_FOUND)
"""What the extraction gives for a response that answers nothing."""


@dataclass(frozen=True)
class Attempt:
    """What a verdict depends on."""

    gold: str | None
    response: str | None
    error: str | None = None
    """What the endpoint said instead of a response."""
    is_truncated: bool = False
    """Whether the response was cut off; it is verified all the same, as the contest does."""
    answer: str | None = None
    """The answer where it is known without its response."""
    tests: Tests | None = None
    """What its program must do, where the problem is one of code: see code.py."""

    @property
    def found(self) -> str:
        """The answer as a reader takes it."""
        return stated(self.answer) if self.answer is not None else answer_in(self.response)


Verdicts = Callable[[Iterable[Attempt]], Iterator[Verdict]]
"""One verdict an attempt, in order; it may read some attempts ahead."""


@contextmanager
def open_verifier(
    metric: Metric, revision: Revision = "c", workers: int = 1, timeout_s: float = 5.0, memory_mb: int = 1024
) -> Iterator[Verdicts]:
    """The function that verifies by a metric; `revision` is the competition's, the limits are the symbolic workers'."""
    if metric == "competition":
        yield lambda attempts: (by_competition(attempt, revision) for attempt in attempts)
        return
    from nemoflow.answers.symbolic import SymbolicPool

    with SymbolicPool(workers, timeout_s, memory_mb) as pool:
        yield lambda attempts: by_symbols(attempts, pool)


def by_competition(attempt: Attempt, revision: Revision = "c") -> Verdict:
    """The verdict of the contest's metric."""
    extracted = competition.extract(attempt.response, revision)
    if (verdict := _without_comparing(attempt, extracted)) is not None:
        return verdict
    if competition.verify(str(attempt.gold), extracted):
        return _verdict(attempt, "right", "competition", extracted)
    return _verdict(attempt, "wrong", "no-answer" if extracted in NO_ANSWER else "competition", extracted)


def by_symbols(attempts: Iterable[Attempt], pool: "SymbolicPool") -> Iterator[Verdict]:
    """The verdicts of symbolic equality."""
    kept, compared = tee((attempt, attempt.found) for attempt in attempts)
    pairs = (
        (stated(attempt.gold or ""), extracted if _without_comparing(attempt, extracted) is None else None)
        for attempt, extracted in compared
    )
    for finding, (attempt, extracted) in zip(pool.compare(pairs), kept, strict=True):
        yield _without_comparing(attempt, extracted) or _verdict(attempt, finding.verdict, finding.rule, extracted, finding.reason)


def _without_comparing(attempt: Attempt, extracted: str) -> Verdict | None:
    """The verdict where there is nothing to compare."""
    if attempt.error is not None:
        return Verdict(verdict="wrong", rule="error", extracted=None, gold=attempt.gold, reason=attempt.error)
    if attempt.gold is None:
        return Verdict(verdict="unclear", rule="no-gold", extracted=extracted, gold=None, reason="the problem has no gold answer")
    return None


def _verdict(attempt: Attempt, verdict: Literal["right", "wrong", "unclear"], rule: str, extracted: str, reason: str = "") -> Verdict:
    reasons = filter(None, (reason, "the response was cut off" if attempt.is_truncated else ""))
    return Verdict(verdict=verdict, rule=rule, extracted=extracted, gold=attempt.gold, reason="; ".join(reasons))
