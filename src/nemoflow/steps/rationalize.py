"""The step `rationalize` (STaR): asks failures again with the answer known, and keeps what verifies without speaking of it."""

from collections import Counter
from typing import Literal, Self

from pydantic import Field, model_validator

from nemoflow.answers.boxed import Revision
from nemoflow.answers.verdicts import Attempt, Metric, open_verifier
from nemoflow.artifacts import Endpoint, Problems, Traces
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.harvest.config import AskConfig
from nemoflow.records import Trace
from nemoflow.steps.asked import asked, awake
from nemoflow.steps.watch import filled


class RationalizeConfig(AskConfig):
    """Options of `rationalize`."""

    per: Literal["problem", "trace"] = "problem"
    """What is asked again: each `problem` that no trace solved, or each `trace` that is not right."""
    attempts: int = Field(1, ge=1)
    """Requests for each."""
    metric: Metric = "competition"
    """What verifies, as in `verify`."""
    revision: Revision = "c"
    """Revision of the contest's metric."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.refuse_repeats(self.attempts, "attempts")
        return self


def run(config: RationalizeConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Choose, ask, settle, write."""
    from nemoflow.harvest.attempts import Asking
    from nemoflow.harvest.rationalize import choose, plan, settle

    asking = Asking(awake(inputs, config, context), config.sampling(), config.patience(), source="rationalized")
    problems = [problem for problem in filled(inputs["problems"]) if context.shard.holds(problem.id)]
    choice = choose(problems, (trace for trace in filled(inputs["traces"]) if context.shard.holds(trace.problem_id)), config.per)
    planned = plan(choice.failures, config.attempts, asking, config.seed, config.system)
    context.progress.start("rationalize", len(planned))
    groups = [(attempt,) for attempt, _ in planned]
    with asked("rationalize", groups, asking, config.system, config, context) as result:
        pairs = [(trace, failure) for trace, (_, failure) in zip(result, planned, strict=True)]
    answers = [Attempt(failure.gold, trace.response, trace.error, trace.finish == "length") for trace, failure in pairs]
    with open_verifier(config.metric, config.revision) as verdicts:
        settled = [settle(*pair, verdict, config.system, config.revision) for pair, verdict in zip(pairs, verdicts(answers), strict=True)]
    kept = outputs["traces"].write(trace for trace in settled if isinstance(trace, Trace))
    dropped = Counter(choice.dropped) + Counter(reason for reason in settled if isinstance(reason, str))
    return Outcome(
        metrics={**result.figures, "kept": kept}, rows_in=len(choice.failures), dropped=dict(dropped), is_complete=not result.failed
    )


RATIONALIZE = Step(
    name="rationalize",
    version=5,
    config=RationalizeConfig,
    run=run,
    inputs={"problems": Problems, "traces": Traces, "endpoint": Endpoint},
    outputs={"traces": Traces},
    pool="cpu",
    sharded=True,
)
