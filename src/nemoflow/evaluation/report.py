"""What a run proved: base and adapter side by side, how the adapter came about, and what it cost.

`Evidence` is gathered from artifacts and manifests; `summary` is its short form for machines, `page.render` the one for people.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from nemoflow.evaluation.compare import Pair, counts, extracted, mcnemar
from nemoflow.evaluation.costs import Costs, costs
from nemoflow.evaluation.decision import Decision
from nemoflow.evaluation.facts import TOKENS, StepFact
from nemoflow.evaluation.noise import noise
from nemoflow.evaluation.paired import Gain, gains
from nemoflow.evaluation.sampled import Sampled
from nemoflow.evaluation.score import Score
from nemoflow.evaluation.spread import spread
from nemoflow.records import Example, Problem, Trace

Model = Literal["base", "adapter"]
MODELS: tuple[Model, ...] = ("base", "adapter")
LIMIT = 7680
"""Tokens of a response in the contest, where a report does not say its own limit."""


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
    """Training log, a row a step: step, loss, learning_rate, grad_norm, held_out_loss where it was asked."""
    rewards: Sequence[Mapping[str, Any]] = ()
    """Log of the reinforcement that followed, a row a step: step, reward, right, tokens."""
    lengths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Characters of each response of the corpus, by kind."""
    rejects: Sequence[Trace] = ()
    """One dropped trace for each reason."""
    receipt: Mapping[str, Any] | None = None
    decision: Decision | None = None
    """Of the gate, where there is one."""
    seconds_asked: Mapping[str, float] = field(default_factory=dict)
    """What the evaluations took: `base`, `adapter`; one that was reused is left out."""
    samples: Mapping[str, Sampled] = field(default_factory=dict)
    """Of the teacher, by kind, where it gave several of each problem."""
    tuning: Mapping[str, Any] | None = None
    """How the form of the prompt was chosen, as `tune-prompt` reports it."""
    targets: Mapping[str, Any] | None = None
    """What the adapter trains, as training told it from the model's headers: training/resolution.py."""

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

    @cached_property
    def gains(self) -> tuple[Gain, dict[str, Gain]]:
        """The adapter's over the base, in all and by kind."""
        return gains(self.pairs)

    def attempts(self, model: Model, kind: str | None = None) -> list[tuple[Problem, Trace]]:
        """What a model made of the problems of a kind (None: of all)."""
        chosen = (pair for pair in self.pairs if kind in (None, pair.problem.category))
        return [(pair.problem, pair.base if model == "base" else pair.adapter) for pair in chosen]

    def costs(self, model: Model, kind: str | None = None) -> Costs:
        """Of a model's answers, under the adapter's token limit."""
        limit = self.settings.get("max_new_tokens")
        return costs((trace for _, trace in self.attempts(model, kind)), limit if isinstance(limit, int) and limit > 0 else LIMIT)


def summary(evidence: Evidence) -> dict[str, Any]:
    """The content of `summary.json`."""
    changes = counts(evidence.pairs)
    overall, kinds = evidence.gains
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
        "gain": overall.to_json(),
        "gains": {kind: gain.to_json() for kind, gain in kinds.items()},
        "costs": {model: evidence.costs(model).to_json() for model in MODELS},
        "spread": {model: spread(evidence.attempts(model)).to_json() for model in MODELS},
        "samples": {kind: one.to_json() for kind, one in evidence.samples.items()},
        "gate": evidence.decision.to_json() if evidence.decision else None,
        "noise": {model: each.to_json() for model in MODELS if (each := noise(trace for _, trace in evidence.attempts(model)))},
    }


def flips(pairs: Iterable[Pair]) -> Iterator[dict[str, Any]]:
    """Every answer that training turned, a row each: broken ones first, for whoever reads them all."""
    for change in ("broken", "fixed"):
        for pair in pairs:
            if pair.change == change:
                yield {
                    "change": change,
                    "problem_id": pair.problem.id,
                    "kind": pair.problem.category,
                    "mode": pair.mode,
                    "gold": pair.problem.gold,
                    "base_answer": extracted(pair.base),
                    "adapter_answer": extracted(pair.adapter),
                    "statement": pair.problem.statement,
                    "base": pair.base.response,
                    "adapter": pair.adapter.response,
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
