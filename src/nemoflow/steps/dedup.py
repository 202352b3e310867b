"""The step `dedup`: drops exact and, when asked, near duplicates; the best copy stays."""

from pydantic import Field

from nemoflow.artifacts import Traces
from nemoflow.config import Config
from nemoflow.curate.decision import part
from nemoflow.curate.dedup import Compared, survey
from nemoflow.curate.statements import Statements
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.steps.watch import filled_where_handed_in, watched


class DedupConfig(Config):
    """Options of `dedup`."""

    compare: Compared = "response"
    """`response`: samples of one problem that say the same; `statement`: problems that ask the same."""
    near: bool = False
    """Also drop near duplicates, by MinHash (extra `curate`); traces of one form, such as the puzzles', are near each other by nature."""
    threshold: float = Field(0.8, gt=0, le=1)
    """Estimated share of common word triples from which two texts are near duplicates."""


def run(config: DedupConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Survey all rows, then read them again and part them."""
    traces = inputs["traces"]
    rows = Statements().agreeing(filled_where_handed_in(traces), traces.address)
    plan = survey(watched(rows, "dedup", context), config.compare, config.threshold if config.near else None)
    with outputs["kept"].writer() as kept, outputs["rejected"].writer() as rejected:
        tally = part(plan.decide(traces.rows()), kept.add, rejected.add)
    return Outcome(metrics={"kept": tally.kept, "dropped": tally.dropped}, rows_in=tally.total, dropped=dict(tally.reasons))


DEDUP = Step(
    name="dedup",
    version=1,
    config=DedupConfig,
    run=run,
    inputs={"traces": Traces},
    outputs={"kept": Traces, "rejected": Traces},
)
