"""The step `harvest`: asks a teacher for traces of each problem; what an earlier run has asked is not asked again."""

from typing import Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Endpoint, Problems, Traces
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.harvest.config import AskConfig
from nemoflow.steps.watch import filled


class HarvestConfig(AskConfig):
    """Options of `harvest`."""

    samples: int = Field(4, ge=1)
    """Traces of each problem; raising it asks only for the new ones."""
    categories: dict[str, int] = Field({})
    """Problems to take of each category, the first of the set: `{numeral = 200}`; empty takes all, else an unnamed category gives none."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.refuse_repeats(self.samples, "samples")
        for name, count in self.categories.items():
            if count < 1:
                raise ValueError(f"categories.{name} = {count}: at least 1 problem; leave the name out to take none")
        return self


def run(config: HarvestConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Plan, ask, write."""
    from nemoflow.harvest.traces import Asking, Health, harvest, plan, select
    from nemoflow.inference.ledger import Ledger, group_name
    from nemoflow.inference.teachers import await_return, read_endpoint

    endpoint = read_endpoint(inputs["endpoint"].json("endpoint.json"), inputs["endpoint"].address)
    await_return(endpoint, config.return_s, context.progress.note, context.stopping)
    asking = Asking(endpoint, config.sampling(), config.patience())
    chosen = select(filled(inputs["problems"]), config.categories)
    problems = [problem for problem in chosen if context.shard.holds(problem.id)]
    attempts = plan(problems, config.samples, asking, config.seed, config.system)
    group = group_name("harvest", asking.model, asking.sampling, config.seed, config.system)
    ledger = Ledger(context.shared, group, config.commit_rows, config.commit_s)
    health = Health(config.max_error_share, config.max_errors_in_a_row)
    context.progress.start("harvest", len(attempts))
    result = harvest(attempts, asking, ledger, health, context.stopping, lambda trace: context.progress.advance())
    outputs["traces"].write(result.traces)
    return Outcome(metrics=result.figures, rows_in=len(problems), is_complete=not result.failed)


HARVEST = Step(
    name="harvest",
    version=1,
    config=HarvestConfig,
    run=run,
    inputs={"problems": Problems, "endpoint": Endpoint},
    outputs={"traces": Traces},
    pool="cpu",
    sharded=True,
)
