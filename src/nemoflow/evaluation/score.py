"""The score of a set of rollouts: accuracy by the contest's metric, in all and per kind, with confidence intervals.

The interval is Wilson's (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22,
1927): unlike the normal approximation it stays within 0 and 1 and is honest at 0 % and 100 %, where a demo often ends.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nemoflow.answers.boxed import Revision
from nemoflow.answers.verdicts import Attempt, Metric, open_verifier
from nemoflow.errors import InputError
from nemoflow.records import Problem, Trace

Z_95 = 1.959963984540054
"""The normal deviate that leaves 2.5 % on each side."""


def wilson(right: float, total: float, z: float = Z_95) -> tuple[float, float]:
    """Bounds of the share `right / total`; (0, 1) where nothing was tried."""
    if not total:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    margin = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    # At 0 and at `total` right answers the bound is exact; rounding would leave it a hair away.
    return (0.0 if right == 0 else max(0.0, centre - margin)), (1.0 if right == total else min(1.0, centre + margin))


COUNTS = ("problems", "right", "truncated", "no_box", "tokens")
"""What a report says of each kind and a tally is read back from."""


@dataclass(frozen=True)
class Tally:
    """Counts over some rollouts."""

    problems: int = 0
    right: int = 0
    truncated: int = 0
    """Cut off at the token limit."""
    no_box: int = 0
    """Without any answer in a box; the metric falls back to the last number or line."""
    tokens: int = 0
    """Generated."""
    samples: int = 1
    """Attempts at each problem (and mode); `problems` and the other counts are of attempts."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.problems + other.problems,
            self.right + other.right,
            self.truncated + other.truncated,
            self.no_box + other.no_box,
            self.tokens + other.tokens,
            max(self.samples, other.samples),
        )

    @classmethod
    def of(cls, trace: Trace) -> "Tally":
        """Of one verified trace."""
        return cls(1, int(is_right(trace)), int(trace.finish == "length"), int(trace.answer is None), trace.usage.completion_tokens)

    @property
    def accuracy(self) -> float:
        """Share that is right."""
        return self.right / self.problems if self.problems else 0.0

    @property
    def mean_tokens(self) -> float:
        """Generated for one answer."""
        return self.tokens / self.problems if self.problems else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy, as wide as if all samples of a problem said the same: they are not independent."""
        return wilson(self.right / self.samples, self.problems / self.samples)

    def to_json(self) -> dict[str, Any]:
        """The counts, the accuracy and its interval."""
        low, high = self.interval
        return {
            "problems": self.problems,
            "right": self.right,
            "accuracy": self.accuracy,
            "low": low,
            "high": high,
            "truncated": self.truncated,
            "no_box": self.no_box,
            "tokens": self.tokens,
            **({"samples": self.samples} if self.samples > 1 else {}),
        }

    @classmethod
    def from_json(cls, value: Any, where: str) -> "Tally":
        """The counts of a report; InputError names `where` and the field."""
        if not isinstance(value, dict):
            raise InputError(f"{where}: got {str(value)[:80]!r}; the counts {', '.join(COUNTS)} were expected")
        for name in COUNTS:
            if type(value.get(name)) is not int or value[name] < 0:
                raise InputError(f"{where}.{name}: {_found(value, name)}; a count was expected, as `evaluate` writes it")
        if value["right"] > value["problems"]:
            raise InputError(f"{where}.right: {value['right']} of {value['problems']} problems; at most all of them can be right")
        samples = value.get("samples", 1)
        if type(samples) is not int or samples < 1:
            raise InputError(f"{where}.samples: got {samples!r}; a count of 1 or more was expected, as `evaluate` writes it")
        return cls(**{name: value[name] for name in COUNTS}, samples=samples)


@dataclass(frozen=True)
class Score:
    """What a model is worth on a set of problems."""

    kinds: Mapping[str, Tally]
    modes: Mapping[str, Tally] = field(default_factory=dict)
    """The same attempts by mode; empty where no mode was told."""

    @property
    def overall(self) -> Tally:
        """Over all kinds."""
        return sum(self.kinds.values(), Tally())

    def to_json(self) -> dict[str, Any]:
        """The overall counts, those of each kind under `kinds`, and of each mode under `modes` where there are any."""
        modes = {"modes": {mode: tally.to_json() for mode, tally in self.modes.items()}} if self.modes else {}
        return {**self.overall.to_json(), "kinds": {kind: tally.to_json() for kind, tally in self.kinds.items()}, **modes}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str) -> "Score":
        """A score out of its report; InputError names `where` and the field."""
        kinds = value.get("kinds")
        if not isinstance(kinds, dict) or not kinds:
            raise InputError(f"{where}: kinds: {_found(value, 'kinds')}; the counts of each kind were expected, as `evaluate` writes them")
        modes = value.get("modes", {})
        if not isinstance(modes, dict):
            raise InputError(f"{where}: modes: {_found(value, 'modes')}; the counts of each mode were expected, as `evaluate` writes them")
        return cls(
            {kind: Tally.from_json(tally, f"{where}: kinds.{kind}") for kind, tally in kinds.items()},
            {mode: Tally.from_json(tally, f"{where}: modes.{mode}") for mode, tally in modes.items()},
        )


def need_gold(problems: Iterable[Problem], where: str) -> None:
    """InputError where an answer could not be scored."""
    for problem in problems:
        if problem.gold is None:
            raise InputError(f"{where}: {_no_gold(problem)}")


def verify_rollouts(
    traces: Iterable[Trace], problems: Mapping[str, Problem], revision: Revision = "c", metric: Metric = "competition"
) -> list[Trace]:
    """The traces with their verdicts; a problem without a gold answer cannot be scored and stops it."""
    rows = list(traces)
    with open_verifier(metric, revision) as verdicts:
        found = verdicts(_attempt(trace, problems[trace.problem_id]) for trace in rows)
        return [trace.model_copy(update={"verdict": verdict}) for trace, verdict in zip(rows, found, strict=True)]


def score(traces: Iterable[Trace], samples: int = 1) -> Score:
    """Add up verified traces by kind, kinds in alphabetical order, and by mode; `samples` are the attempts at each problem."""
    kinds: dict[str, Tally] = {}
    modes: dict[str, Tally] = {}
    for trace in traces:
        one = replace(Tally.of(trace), samples=samples)
        kinds[trace.category] = kinds.get(trace.category, Tally()) + one
        if trace.mode:
            modes[trace.mode] = modes.get(trace.mode, Tally()) + one
    return Score(dict(sorted(kinds.items())), modes)


def is_right(trace: Trace) -> bool:
    """Whether the metric counts it."""
    return trace.verdict is not None and trace.verdict.verdict == "right"


def _found(value: Mapping[str, Any], name: str) -> str:
    return f"got {str(value[name])[:80]!r}" if name in value else "missing"


def _attempt(trace: Trace, problem: Problem) -> Attempt:
    if problem.gold is None:
        raise InputError(_no_gold(problem))
    return Attempt(problem.gold, trace.response, trace.error, trace.finish == "length")


def _no_gold(problem: Problem) -> str:
    return f"problem {problem.id!r}: has no gold answer; an evaluation needs one for every problem"
