"""The step `repair-gold`: gold answers that are missing, or that no trace reaches, from what most traces agree on; then verify again."""

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from nemoflow.answers.verdicts import Metric
from nemoflow.artifacts import Problems, Traces
from nemoflow.config import Config
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.records import Problem
from nemoflow.steps.watch import filled, watched


class RepairGoldConfig(Config):
    """Options of `repair-gold`."""

    min_votes: int = Field(3, ge=2)
    """So many traces must agree on an answer that becomes a gold one."""
    vote_metric: Metric = "symbolic"
    """What counts as agreeing: by mathematics, or `competition`, by text."""


def run(config: RepairGoldConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Count the votes, write every problem with its gold."""
    from nemoflow.answers.voting import open_same
    from nemoflow.harvest.gold import count_votes, repair

    counts: Counter[str] = Counter(kept=0, filled=0, repaired=0, contradicted=0)
    mine = (trace for trace in filled(inputs["traces"]) if context.shard.holds(trace.problem_id))
    with open_same(config.vote_metric) as same:
        votes = count_votes(watched(mine, "count votes", context), same)

    def repaired() -> Iterator[Problem]:
        for problem in filled(inputs["problems"]):
            if context.shard.holds(problem.id):
                found, what = repair(problem, votes.get(problem.id), config.min_votes)
                counts[what] += 1
                yield found

    written = outputs["problems"].write(repaired())
    return Outcome(metrics=dict(counts), rows_in=written)


REPAIR_GOLD = Step(
    name="repair-gold",
    version=4,
    config=RepairGoldConfig,
    run=run,
    inputs={"problems": Problems, "traces": Traces},
    outputs={"problems": Problems},
    sharded=True,
)
