"""The step `cluster`: finds the duplicates among the sketches of all shards; the only part of dedup that needs them all."""

from nemoflow.artifacts import Duplicates, Sketches
from nemoflow.curate.cluster import Limits
from nemoflow.curate.dedup import duplicates
from nemoflow.curate.table import Table
from nemoflow.errors import ConfigError
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.dedup import DedupConfig
from nemoflow.steps.watch import watched


def run(config: DedupConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Load the sketches, the reference's first, then tell which go."""
    limits = Limits(config.threshold if config.near else None, config.semantic_threshold if config.semantic else None)
    with Table() as table:
        for name in ("reference", "sketches"):
            if name in inputs:
                for sketch in watched(inputs[name].rows(), name, context):
                    table.add(sketch, is_reference=name == "reference")
        _require_means(config, table, inputs["sketches"].address)
        count = outputs["duplicates"].write(duplicates(table, limits))
        rows = len(table)
    return Outcome(metrics={"sketches": rows, "duplicates": count}, rows_in=rows)


def _require_means(config: DedupConfig, table: Table, address: str) -> None:
    for wanted, has, name in ((config.near, table.has_signatures, "near"), (config.semantic, table.has_vectors, "semantic")):
        if wanted and not has and any(table.digests):
            raise ConfigError(f"cluster.{name}: true, but the sketches in {address} were made without; set sketch.{name} = true as well")


CLUSTER = Step(
    name="cluster",
    version=1,
    config=DedupConfig,
    run=run,
    inputs={"sketches": Sketches, "reference": Optional(Sketches)},
    outputs={"duplicates": Duplicates},
)
