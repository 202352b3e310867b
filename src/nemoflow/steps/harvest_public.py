"""The step `harvest-public`: solutions that public sets ship, rewritten as traces; no model is asked."""

from nemoflow.artifacts import Problems, Traces
from nemoflow.config import Config
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step


class HarvestPublicConfig(Config):
    """Nothing to choose: a set's solution is rewritten or, where it has none, counted as dropped."""


def run(config: HarvestPublicConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Rewrite row by row."""
    from nemoflow.harvest.public import PublicTraces

    traces = PublicTraces(inputs["problems"].rows())
    written = outputs["traces"].write(traces)
    return Outcome(metrics={"traces": written}, rows_in=traces.read, dropped=dict(traces.dropped))


HARVEST_PUBLIC = Step(
    name="harvest-public", version=1, config=HarvestPublicConfig, run=run, inputs={"problems": Problems}, outputs={"traces": Traces}
)
