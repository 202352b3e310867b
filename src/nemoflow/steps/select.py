"""The step `select`: one trace a problem, chosen among its samples by a model that compares their answers (GenSelect)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from nemoflow.answers.verdicts import Metric
from nemoflow.artifacts import Endpoint, Problems, Traces
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, InputArtifact, Inputs, Number, Outcome, Outputs, Shard, Step
from nemoflow.harvest.config import AskConfig
from nemoflow.records import Problem, Trace
from nemoflow.steps.watch import filled

if TYPE_CHECKING:
    from nemoflow.harvest.select import Ballots


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
    from nemoflow.inference.teachers import await_return, read_endpoint

    endpoint = read_endpoint(inputs["endpoint"].json("endpoint.json"), inputs["endpoint"].address)
    await_return(endpoint, config.return_s, context.progress.note, context.stopping)
    problems = {problem.id: problem for problem in filled(inputs["problems"]) if context.shard.holds(problem.id)}
    with open_same(config.vote_metric) as same:
        found = candidates_of(_mine(inputs["traces"], problems, context.shard), same, config.candidates)
    ballots = Ballots(
        Asking(endpoint, config.sampling(), config.patience()), config.seed, config.rounds, config.solution_chars, config.system
    )
    for name, candidates in found.items():
        ballots.add(problems[name], candidates)
    votes, figures, is_complete = _asked(config, ballots, context)
    counts: Counter[str] = Counter(agreement=0, selector=0, votes=0, right=0, right_by_votes=0)
    with outputs["traces"].writer() as sink:
        for name in (name for name in problems if name in found):
            chosen, by = select(found[name], votes.get(name, Counter()))
            counts.update({by: 1, "right": _is_right(chosen), "right_by_votes": _is_right(found[name].speakers[0])})
            sink.add(chosen)
    dropped = {"no-answer": len(problems) - len(found)} if len(found) < len(problems) else {}
    return Outcome(metrics={**counts, **figures}, rows_in=len(problems), dropped=dropped, is_complete=is_complete)


def _mine(traces: InputArtifact, problems: Mapping[str, Problem], shard: Shard) -> Iterator[Trace]:
    for trace in filled(traces):
        if shard.holds(trace.problem_id):
            if trace.problem_id not in problems:
                raise InputError(f"{traces.address}: trace {trace.id!r}: no problem {trace.problem_id!r}; wire its problems")
            yield trace


def _asked(config: SelectConfig, ballots: "Ballots", context: Context) -> "tuple[dict[str, Counter[int]], dict[str, Number], bool]":
    """(votes by problem, figures of the questions, whether all of them were answered)."""
    from nemoflow.harvest.health import Health
    from nemoflow.harvest.traces import harvest
    from nemoflow.inference.keys import group_name
    from nemoflow.inference.ledger import Ledger

    asking, groups = ballots.asking, list(ballots.groups.values())
    context.progress.start("select", sum(map(len, groups)))
    group = group_name("select", asking.model, asking.sampling, config.seed, config.system)
    health = Health(config.max_error_share, config.max_errors_in_a_row)
    with Ledger(context.scratch.path(), context.shared, group, config.commit_rows, config.commit_s) as ledger:
        result = harvest(groups, asking, ledger, health, None, context.stopping, context.progress.advance)
        votes = ballots.votes(result)
    return votes, {f"questions.{name}": figure for name, figure in result.figures.items()}, not result.failed


def _is_right(trace: Trace) -> bool:
    return trace.verdict is not None and trace.verdict.verdict == "right"


SELECT = Step(
    name="select",
    version=1,
    config=SelectConfig,
    run=run,
    inputs={"problems": Problems, "traces": Traces, "endpoint": Endpoint},
    outputs={"traces": Traces},
    pool="cpu",
    sharded=True,
)
