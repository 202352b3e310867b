"""What a run proved: base and adapter side by side, how the adapter came about, and what it cost.

`Evidence` is gathered from artifacts and manifests; `summary` is its short form for machines, `page.render` the one for people.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nemoflow.evaluation.compare import Pair, counts, mcnemar
from nemoflow.evaluation.facts import TOKENS, StepFact
from nemoflow.evaluation.score import Score
from nemoflow.records import Example, Trace


@dataclass(frozen=True)
class Evidence:
    """All that the page shows."""

    settings: Mapping[str, Any]
    """The adapter's `report.json`: model, revision of the metric, token limit."""
    base: Score
    adapter: Score
    pairs: Sequence[Pair]
    steps: Sequence[StepFact]
    log: Sequence[Mapping[str, Any]] = ()
    """Training log, a row a step: step, loss, learning_rate, grad_norm."""
    lengths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Characters of each response of the corpus, by kind."""
    rejects: Sequence[Trace] = ()
    """One dropped trace for each reason."""
    receipt: Mapping[str, Any] | None = None

    @property
    def run(self) -> str:
        """Name of the run that made the adapter's evaluation."""
        return str(self.steps[-1].manifest["run"]) if self.steps else ""

    @property
    def seconds(self) -> float:
        """Working time of all steps that ran."""
        return sum(step.seconds for step in self.steps)

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens of all steps that counted them, by sort."""
        return {name: sum(step.tokens.get(name, 0) for step in self.steps) for name in TOKENS}


def summary(evidence: Evidence) -> dict[str, Any]:
    """The content of `summary.json`."""
    changes = counts(evidence.pairs)
    return {
        "v": 1,
        "run": evidence.run,
        "base": evidence.base.to_json(),
        "adapter": evidence.adapter.to_json(),
        "changes": changes,
        "p_value": mcnemar(changes["fixed"], changes["broken"]),
        "seconds": round(evidence.seconds, 1),
        "tokens": evidence.tokens,
        "steps": [step.to_json() for step in evidence.steps],
        "submission": evidence.receipt,
    }


def lengths_by_kind(corpus: Iterable[Example]) -> dict[str, list[int]]:
    """Characters of the responses that were learned, kinds in alphabetical order."""
    found: dict[str, list[int]] = {}
    for example in corpus:
        found.setdefault(example.category, []).append(len(example.response))
    return dict(sorted(found.items()))


def reject_reason(trace: Trace) -> str:
    """Why a filter dropped it."""
    return str(trace.meta.get("rejected", "unknown"))


def one_each(rejected: Iterable[Trace]) -> list[Trace]:
    """The first trace of each reason, reasons in alphabetical order."""
    found: dict[str, Trace] = {}
    for trace in rejected:
        found.setdefault(reject_reason(trace), trace)
    return [found[reason] for reason in sorted(found)]
