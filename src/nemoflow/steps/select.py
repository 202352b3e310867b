"""The step `select`: one trace a problem, chosen among its samples by a model that compares their answers (GenSelect)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, model_validator

from nemoflow.answers.verdicts import Metric
from nemoflow.artifacts import Endpoint, Problems, Traces
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, InputArtifact, Inputs, Outcome, Outputs, Shard, Step
from nemoflow.harvest.config import AskConfig
from nemoflow.records import Problem, Trace
from nemoflow.steps.asked import asked, awake
from nemoflow.steps.watch import filled


class SelectConfig(AskConfig):
    """Options of `select`."""

    temperature: float = Field(0.0, ge=0, le=2)
    """Sampling temperature; the rounds differ in the order of the solutions."""
    max_tokens: int = Field(4096, ge=1)
    """Longest comparison in tokens, thinking included."""
    candidates: int = Field(8, ge=2, le=16)
    """Different answers that are compared at once, those with most votes."""
    rounds: int = Field(2, ge=1, le=64)
    """Questions about a problem; every second one shows the solutions the other way round."""
    solution_chars: int = Field(1500, ge=50)
    """Characters of each solution that the selector sees, its end."""
    vote_metric: Metric = "symbolic"
    """What counts as one answer: by mathematics, or `competition`, by text."""

    @model_validator(mode="after")
    def _some_room(self) -> Self:
        if self.candidates * self.solution_chars > 200_000:
            raise ValueError(
                f"candidates = {self.candidates} of solution_chars = {self.solution_chars}: at most 200000 characters together"
            )
        return self


def run(config: SelectConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Cluster the answers, ask where there are several, write the chosen traces in the order of the problems."""
    from nemoflow.answers.voting import open_same
    from nemoflow.harvest.attempts import Asking
    from nemoflow.harvest.select import Ballots, candidates_of, select

    asking = Asking(awake(inputs, config, context), config.sampling(), config.patience())
    problems = {problem.id: problem for problem in filled(inputs["problems"]) if context.shard.holds(problem.id)}
    with open_same(config.vote_metric) as same:
        found = candidates_of(_mine(inputs["traces"], problems, context.shard), same, config.candidates)
    ballots = Ballots(asking, config.seed, config.rounds, config.solution_chars, config.system)
    for name, candidates in found.items():
        ballots.add(problems[name], candidates)
    groups = list(ballots.groups.values())
    context.progress.start("select", sum(map(len, groups)))
    with asked("select", groups, asking, config.system, config, context) as result:
        votes = ballots.votes(result)
    counts: Counter[str] = Counter(agreement=0, selector=0, votes=0, right=0, right_by_votes=0)
    with outputs["traces"].writer() as sink:
        for name in (name for name in problems if name in found):
            chosen, by = select(found[name], votes.get(name, Counter()))
            counts.update({by: 1, "right": _is_right(chosen), "right_by_votes": _is_right(found[name].speakers[0])})
            sink.add(chosen)
    dropped = {"no-answer": len(problems) - len(found)} if len(found) < len(problems) else {}
    figures = {f"questions.{name}": figure for name, figure in result.figures.items()}
    return Outcome(metrics={**counts, **figures}, rows_in=len(problems), dropped=dropped, is_complete=not result.failed)


def _mine(traces: InputArtifact, problems: Mapping[str, Problem], shard: Shard) -> Iterator[Trace]:
    for trace in filled(traces):
        if shard.holds(trace.problem_id):
            if trace.problem_id not in problems:
                raise InputError(f"{traces.address}: trace {trace.id!r}: no problem {trace.problem_id!r}; wire its problems")
            yield trace


def _is_right(trace: Trace) -> bool:
    return trace.verdict is not None and trace.verdict.verdict == "right"


SELECT = Step(
    name="select",
    version=3,
    config=SelectConfig,
    run=run,
    inputs={"problems": Problems, "traces": Traces, "endpoint": Endpoint},
    outputs={"traces": Traces},
    pool="cpu",
    sharded=True,
)
