"""The step `harvest-public`: solutions that public sets ship, rewritten as traces; no model is asked."""

from nemoflow.artifacts import Problems, Traces
from nemoflow.config import Config
from nemoflow.curate.statements import Statements
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.watch import filled


class HarvestPublicConfig(Config):
    """Nothing to choose: a set's solution is rewritten or, where it has none, counted as dropped."""


def run(config: HarvestPublicConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Rewrite row by row. Ids that `own` problems have as well are refused here, before a teacher is paid for answers to them."""
    from nemoflow.harvest.public import PublicTraces

    problems, statements = inputs["problems"], Statements()
    if "own" in inputs:
        for _ in statements.agreeing(inputs["own"].rows(), inputs["own"].address):
            pass
    traces = PublicTraces(statements.agreeing(filled(problems), problems.address))
    written = outputs["traces"].write(traces)
    return Outcome(metrics={"traces": written}, rows_in=traces.read, dropped=dict(traces.dropped))


HARVEST_PUBLIC = Step(
    name="harvest-public",
    version=2,
    config=HarvestPublicConfig,
    run=run,
    inputs={"problems": Problems, "own": Optional(Problems)},
    outputs={"traces": Traces},
)
