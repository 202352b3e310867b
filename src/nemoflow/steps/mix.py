"""The step `mix`: from kept traces to the corpus, by weights and quotas, with a card that counts what is in it."""

from typing import Annotated, Literal

from pydantic import Field

from nemoflow.artifacts import Corpus, Problems, Report, Traces
from nemoflow.config import Config
from nemoflow.curate.card import Card
from nemoflow.curate.mix import Recipe, plan
from nemoflow.curate.statements import Statements
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.steps.watch import filled, watched


class MixConfig(Config):
    """Options of `mix`."""

    weights: dict[Literal["teacher", "rationalized", "public", "student"], Annotated[float, Field(ge=0, le=100)]] = Field(default={})
    """Copies of a source's rows: 0.5 takes a seeded half, 2 each twice, 0 none; a source that is not named has 1."""
    quota: dict[str, Annotated[int, Field(ge=0)]] = Field(default={})
    """Most rows of a category, such as `{numeral = 2000}`; a category that is not named has no limit."""
    max_rows: int | None = Field(None, ge=1)
    """Most rows in all; no limit by default."""
    seed: int = 0
    """Decides which rows a weight, a quota or the limit leaves out, and the order of the corpus."""


def run(config: MixConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Plan over all traces, then write the examples and the card."""
    traces, problems = inputs["traces"], inputs["problems"]
    statements = Statements()
    categories = {problem.category for problem in statements.agreeing(filled(problems), problems.address)}
    recipe = Recipe({str(source): weight for source, weight in config.weights.items()}, config.quota, config.max_rows, config.seed)
    mixture = plan(watched(statements.agreeing(traces.rows(), traces.address), "mix", context), recipe)
    _require_known(config, categories | mixture.categories)
    if not mixture.order:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(mixture.reasons.items())) or "there were none"
        raise InputError(
            f"{traces.address}: of {mixture.rows_in} traces none is left to learn from ({reasons}); loosen filter, quota or weights"
        )
    card = Card()
    rows = outputs["corpus"].write(mixture.examples(traces.rows, card))
    summary = card.as_json()
    outputs["card"].write_json("card.json", {**summary, "recipe": config.model_dump(mode="json"), "left_out": dict(mixture.reasons)})
    return Outcome(metrics={"rows": rows, "problems": summary["problems"]}, rows_in=mixture.rows_in, dropped=dict(mixture.reasons))


def _require_known(config: MixConfig, categories: set[str]) -> None:
    unknown = sorted(set(config.quota) - categories)
    if unknown:
        raise ConfigError(f"mix.quota.{unknown[0]}: no trace or problem is of this category; there are {', '.join(sorted(categories))}")


MIX = Step(
    name="mix",
    version=2,
    config=MixConfig,
    run=run,
    inputs={"traces": Traces, "problems": Problems},
    outputs={"corpus": Corpus, "card": Report},
)
