"""The step `dedup`: drops exact and, when asked, near duplicates and rows that mean the same; the best copy stays."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Model, Problems, Traces
from nemoflow.config import Config
from nemoflow.curate.decision import part
from nemoflow.curate.dedup import Compared, survey
from nemoflow.curate.encoder import Encoder, load_encoder
from nemoflow.curate.statements import Statements
from nemoflow.errors import ConfigError
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.records import Trace
from nemoflow.steps.watch import filled_where_handed_in, watched


class DedupConfig(Config):
    """Options of `dedup`, and of `sketch`, `cluster` and `keep`, which do the same in shards."""

    compare: Compared = "response"
    """`response`: samples of one problem that say the same; `statement`: problems that ask the same."""
    near: bool = False
    """Also drop near duplicates, by MinHash (extra `curate`); traces of one form, such as the puzzles', are near each other by nature."""
    threshold: float = Field(0.8, gt=0, le=1)
    """Estimated share of common word triples from which two texts are near duplicates."""
    semantic: bool = False
    """Also drop what means the same, by the embeddings of the input `encoder` (a folder of sentence-transformers or model2vec)."""
    semantic_threshold: float = Field(0.9, gt=0, le=1)
    """Cosine of two embeddings from which texts mean the same."""

    @model_validator(mode="after")
    def _semantic_threshold_is_used(self) -> Self:
        if "semantic_threshold" in self.model_fields_set and not self.semantic and self.semantic_threshold != 0.9:
            raise ValueError("semantic_threshold is given, but semantic is false; set semantic = true as well")
        return self


def encoder_of(config: DedupConfig, inputs: Inputs) -> Encoder | None:
    """The encoder where texts are compared by meaning; ConfigError where that is asked for and none is wired."""
    if not config.semantic:
        return None
    if "encoder" not in inputs:
        raise ConfigError("dedup.semantic: true needs the input `encoder`: a folder of sentence-transformers or model2vec")
    return load_encoder(inputs["encoder"].folder(), inputs["encoder"].address)


def reference_of(config: DedupConfig, inputs: Inputs) -> Iterator[Any]:
    """Rows that are left as they are and whose likes go."""
    if "reference_problems" in inputs and config.compare == "response":
        raise ConfigError("dedup.compare: problems have no responses; with `reference_problems` compare = 'statement' is right")
    return chain.from_iterable(inputs[name].rows() for name in ("reference", "reference_problems") if name in inputs)


def require_whole(config: DedupConfig, context: Context) -> None:
    """Statements of different shards may be alike."""
    if config.compare == "statement" and context.shard.count > 1:
        raise ConfigError(
            "dedup.compare: 'statement' compares all problems with each other; in shards use the steps sketch, cluster and keep, "
            "or run dedup as one"
        )


def run(config: DedupConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Survey all rows, then read them again and part them."""
    require_whole(config, context)
    traces = inputs["traces"]
    encoder = encoder_of(config, inputs)

    def mine(rows: Iterator[Trace]) -> Iterator[Trace]:
        return (trace for trace in rows if context.shard.holds(trace.problem_id))

    rows = Statements().agreeing(filled_where_handed_in(traces), traces.address)
    plan = survey(
        mine(watched(rows, "dedup", context)),
        config.compare,
        config.threshold if config.near else None,
        config.semantic_threshold if config.semantic else None,
        encoder,
        reference_of(config, inputs),
    )
    with outputs["kept"].writer() as kept, outputs["rejected"].writer() as rejected:
        tally = part(plan.decide(mine(traces.rows())), kept.add, rejected.add)
    return Outcome(metrics={"kept": tally.kept, "dropped": tally.dropped}, rows_in=tally.total, dropped=dict(tally.reasons))


DEDUP = Step(
    name="dedup",
    version=2,
    config=DedupConfig,
    run=run,
    inputs={
        "traces": Traces,
        "reference": Optional(Traces),
        "reference_problems": Optional(Problems),
        "encoder": Optional(Model),
    },
    outputs={"kept": Traces, "rejected": Traces},
    sharded=True,
)
