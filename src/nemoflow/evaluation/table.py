"""Several evaluations of the same problems side by side: engines, precisions, adapters; accuracy, speed, and the difference to the first.

rows = compare_all([Evaluated("bf16", traces, config, engines, metrics), Evaluated("fp8", ...)])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nemoflow.errors import InputError
from nemoflow.evaluation.costs import Costs, costs
from nemoflow.evaluation.paired import Difference, Gain, measure_gain
from nemoflow.evaluation.report import LIMIT
from nemoflow.evaluation.score import Tally, is_right, score
from nemoflow.records import Trace

NO_PRECISION = "as served"


@dataclass(frozen=True)
class Evaluated:
    """One evaluation: its rollouts, and what its manifest says."""

    name: str
    traces: Sequence[Trace]
    config: Mapping[str, Any] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    model: str
    engine: str
    """With its version, where it says it."""
    precision: str
    """What was computed in, and how weights were held."""
    device: str
    tally: Tally
    costs: Costs
    tokens_per_s: float | None
    """Generated, loading left out; None where it was not measured in one piece."""
    gain: Gain | None
    """Over the first evaluation; None of the first itself."""

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        named = {name: getattr(self, name) for name in ("name", "model", "engine", "precision", "device", "tokens_per_s")}
        gain = self.gain.to_json() if self.gain else None
        return {**named, **self.tally.to_json(), **self.costs.to_json(), "gain": gain}


def compare_all(evaluations: Sequence[Evaluated]) -> list[Row]:
    """A row each, in their order; InputError where one was asked something else than the first."""
    for one in evaluations:
        _need_verdicts(one)
    return [_row(one, evaluations[0]) for one in evaluations]


def _row(one: Evaluated, first: Evaluated) -> Row:
    rights = _rights(one)
    problems = {(problem, mode) for problem, mode, _ in rights}
    return Row(
        one.name,
        one.traces[0].model,
        _engine(one),
        _precision(one),
        one.engines.get("device", ""),
        score(one.traces, len(rights) // len(problems)).overall,
        costs(one.traces, int(one.config.get("max_new_tokens", LIMIT))),
        one.metrics.get("tokens_per_s"),
        None if one is first else measure_gain(_differences(first, one)),
    )


def _differences(first: Evaluated, other: Evaluated) -> list[Difference]:
    before, after = _rights(first), _rights(other)
    if before.keys() != after.keys():
        alone = min(before.keys() ^ after.keys())
        raise InputError(
            f"{first.name} and {other.name} were not asked the same: {len(before)} and {len(after)} attempts, problem {alone[0]!r} "
            f"(sample {alone[2]}) is in one of them only; the same problems, limit, seed, modes, samples and repeats are right"
        )
    found: dict[str, tuple[int, int]] = {}
    for key, was_right in before.items():
        gain, attempts = found.get(key[0], (0, 0))
        found[key[0]] = (gain + after[key] - was_right, attempts + 1)
    return [Difference(*counts) for counts in found.values()]


def _rights(one: Evaluated) -> dict[tuple[str, str, int], bool]:
    return {(trace.problem_id, trace.mode, trace.sample): is_right(trace) for trace in one.traces}


def _need_verdicts(one: Evaluated) -> None:
    if not one.traces:
        raise InputError(f"{one.name}: holds no rollouts; there is nothing to compare")
    for row, trace in enumerate(one.traces, 1):
        if trace.verdict is None:
            raise InputError(f"{one.name}: row {row}: verdict: missing; rollouts with verdicts were expected, as `evaluate` writes them")


def _engine(one: Evaluated) -> str:
    engine = str(one.config.get("engine", "transformers")) if one.config else ""
    version = one.engines.get(engine, "")
    return f"{engine} {version}".strip()


def _precision(one: Evaluated) -> str:
    dtype, bits = one.engines.get("dtype", ""), one.config.get("quantization", "none")
    weights = f"{bits} weights" if bits != "none" else ""
    return ", ".join(filter(None, (dtype, weights))) or (NO_PRECISION if one.config.get("engine") == "endpoint" else "")
