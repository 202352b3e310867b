"""The step `judge`: a model decides what the rules of `verify` could not, or what they may have got wrong."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Endpoint, Problems, Traces
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.harvest.config import AskConfig
from nemoflow.records import Trace
from nemoflow.steps.asked import asked, awake
from nemoflow.steps.watch import filled


class JudgeConfig(AskConfig):
    """Options of `judge`."""

    temperature: float = Field(0.0, ge=0, le=2)
    """Sampling temperature; 0, since one judgement is wanted."""
    max_tokens: int = Field(2048, ge=1)
    """Longest judgement in tokens, thinking included."""
    verdicts: tuple[Literal["unclear", "wrong"], ...] = ("unclear",)
    """Which verdicts are put before the judge. `wrong` as well finds right answers that no rule reads, at a question each."""
    both_orders: bool = True
    """Ask with the answers in both orders, and believe only what is said both times."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.verdicts:
            raise ValueError('verdicts: at least one of "unclear" and "wrong"; leave the step out to judge nothing')
        return self


def run(config: JudgeConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Collect the questions, ask them, write every trace with its verdict."""
    from nemoflow.harvest.attempts import Asking
    from nemoflow.harvest.judge import Questions, pair_of, settle

    asking = Asking(awake(inputs, config, context), config.sampling(), config.patience())
    problems = {problem.id: problem for problem in filled(inputs["problems"]) if context.shard.holds(problem.id)}
    questions = Questions(asking, config.seed, config.system, config.both_orders)

    def is_asked(trace: Trace) -> bool:
        if trace.verdict is None:
            raise InputError(f"{inputs['traces'].address}: trace {trace.id!r} has no verdict; wire the output of `verify`")
        return trace.verdict.verdict in config.verdicts and trace.verdict.rule != "no-gold"

    def mine() -> Iterator[Trace]:
        return (trace for trace in filled(inputs["traces"]) if context.shard.holds(trace.problem_id))

    for trace in mine():
        if is_asked(trace):
            if trace.problem_id not in problems:
                raise InputError(f"{inputs['traces'].address}: trace {trace.id!r}: no problem {trace.problem_id!r}; wire its problems")
            questions.add(trace, problems[trace.problem_id])
    groups = list(questions.groups.values())
    context.progress.start("judge", sum(map(len, groups)))
    with asked("judge", groups, asking, config.system, config, context) as result:
        judgements = questions.judgements(result)
    counts: Counter[str] = Counter(yes=0, no=0, unclear=0)
    with outputs["traces"].writer() as sink:
        for trace in mine():
            pair = pair_of(trace)
            if is_asked(trace) and pair in judgements:
                counts[judgements[pair]] += 1
                trace = settle(trace, judgements[pair])
            sink.add(trace)
    figures = {f"questions.{name}": figure for name, figure in result.figures.items()}
    return Outcome(metrics={**counts, "pairs": len(groups), **figures}, rows_in=counts.total(), is_complete=not result.failed)


JUDGE = Step(
    name="judge",
    version=1,
    config=JudgeConfig,
    run=run,
    inputs={"problems": Problems, "traces": Traces, "endpoint": Endpoint},
    outputs={"traces": Traces},
    pool="cpu",
    sharded=True,
)
