"""The step `sketch`: what dedup compares of each row of its shard; `cluster` reads the sketches of all shards."""

from nemoflow.artifacts import Model, Sketches, Traces
from nemoflow.curate.signatures import require_rensa
from nemoflow.curate.sketches import Means, sketches
from nemoflow.curate.statements import Statements
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.dedup import DedupConfig, encoder_of
from nemoflow.steps.watch import filled_where_handed_in, watched


def run(config: DedupConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Sketch by sketch."""
    if config.near:
        require_rensa("sketch.near")
    traces = inputs["traces"]
    agreed = Statements().agreeing(filled_where_handed_in(traces), traces.address)
    mine = (trace for trace in agreed if context.shard.holds(trace.problem_id))
    means = Means(config.near, encoder_of(config, inputs))
    count = outputs["sketches"].write(sketches(watched(mine, "sketch", context), config.compare, means))
    return Outcome(metrics={"sketches": count}, rows_in=count)


SKETCH = Step(
    name="sketch",
    version=1,
    config=DedupConfig,
    run=run,
    inputs={"traces": Traces, "encoder": Optional(Model)},
    outputs={"sketches": Sketches},
    sharded=True,
)
