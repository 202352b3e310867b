"""The step `keep`: parts the rows of its shard by what `cluster` found among all of them."""

from nemoflow.artifacts import Duplicates, Traces
from nemoflow.curate.decision import part
from nemoflow.curate.dedup import Keeper
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.steps.dedup import DedupConfig
from nemoflow.steps.watch import watched


def run(config: DedupConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Row by row."""
    keeper = Keeper(inputs["duplicates"].rows(), config.compare)
    mine = (trace for trace in inputs["traces"].rows() if context.shard.holds(trace.problem_id))
    with outputs["kept"].writer() as kept, outputs["rejected"].writer() as rejected:
        tally = part(keeper.decide(watched(mine, "keep", context)), kept.add, rejected.add)
    return Outcome(metrics={"kept": tally.kept, "dropped": tally.dropped}, rows_in=tally.total, dropped=dict(tally.reasons))


KEEP_ROWS = Step(
    name="keep",
    version=1,
    config=DedupConfig,
    run=run,
    inputs={"traces": Traces, "duplicates": Duplicates},
    outputs={"kept": Traces, "rejected": Traces},
    sharded=True,
)
