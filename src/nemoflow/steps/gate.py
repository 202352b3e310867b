"""gate: decide by the evaluations whether an adapter goes on to be packaged.

It writes its decision and is done; the step that needs leave (`package`) reads it and is skipped with the reason where it was refused, so
that the run ends as usual, with a report that says why. Running it again with other limits costs seconds.
"""

from collections.abc import Iterable, Iterator

from pydantic import Field

from nemoflow.artifacts import Problems, Report, Traces
from nemoflow.config import Config, later
from nemoflow.errors import InputError
from nemoflow.evaluation.compare import pair_up
from nemoflow.evaluation.decision import FILE, Decision
from nemoflow.evaluation.gate import Limits, judge
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.records import Trace, with_unique_ids


class GateConfig(Config):
    """What is asked of an adapter before anything is made of it."""

    min_gain: float = Field(0.0, ge=-100, le=100)
    """Points of accuracy that the adapter has to have over its base, over all problems; 0 asks that it is no worse."""
    max_family_drop: float = Field(100.0, ge=0, le=100)
    """Points of accuracy that no kind of problem may lose more of; 100 asks nothing. A kind of few problems drops by chance."""
    significance: float = Field(0.0, ge=0, lt=1)
    """Highest one-sided p of the exact paired sign test for a gain, such as 0.05; 0 asks nothing."""
    max_truncated: float = Field(1.0, ge=0, le=1)
    """Largest share of the adapter's responses that may be cut off at the token limit; 1 asks nothing."""
    beyond_noise: bool = later(False)
    """Whether the gain has to be beyond the noise, as repeats (or samples) of both evaluations tell it."""


def run(config: GateConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Pair, measure, judge; a refusal is a result, not a failure."""
    problems = with_unique_ids(inputs["problems"].rows(), inputs["problems"].address)
    rollouts = [_verified(inputs[name].rows(), inputs[name].address) for name in ("base_rollouts", "adapter_rollouts")]
    pairs = pair_up(problems, *rollouts)
    if not pairs:
        raise InputError(f"{inputs['adapter_rollouts'].address}: holds no rollouts; there is nothing to judge by")
    decision = judge(pairs, Limits(**config.model_dump()))
    outputs["decision"].write_json(FILE, decision.to_json())
    context.progress.note(f"refused: {decision.reason}" if decision.reason else f"passed: {decision.words}")
    return Outcome(metrics=_metrics(decision), rows_in=len(pairs))


def _metrics(decision: Decision) -> dict[str, int | float]:
    gain = decision.figures["gain"]
    return {"passed": int(decision.passed), "gain": gain["points"], **{name: gain[name] for name in ("low", "high", "chance")}}


def _verified(traces: Iterable[Trace], address: str) -> Iterator[Trace]:
    for row, trace in enumerate(traces, 1):
        if trace.verdict is None:
            raise InputError(f"{address}: row {row}: verdict: missing; rollouts with verdicts were expected, as `evaluate` writes them")
        yield trace


GATE = Step(
    name="gate",
    version=1,
    config=GateConfig,
    run=run,
    inputs={"problems": Problems, "base_rollouts": Traces, "adapter_rollouts": Traces},
    outputs={"decision": Report},
)
