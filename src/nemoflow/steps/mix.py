"""The step `mix`: from kept traces to the corpus, by weights and quotas, with a card that counts what is in it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Corpus, Problems, Report, Traces
from nemoflow.config import Config, identity, later
from nemoflow.curate.card import Card, as_markdown
from nemoflow.curate.mix import Mixture, compared, plan
from nemoflow.curate.recipe import BUCKETS, Recipe
from nemoflow.curate.statements import Statements
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.steps.watch import filled, watched

Weights = dict[Literal["teacher", "rationalized", "public", "student"], Annotated[float, Field(ge=0, le=100)]]
Quota = dict[str, Annotated[int, Field(ge=0)]]


class Ablation(Config):
    """Another mix of the same traces: what is not given is as in the mix itself."""

    weights: Weights | None = None
    """Copies of a source's rows."""
    quota: Quota | None = None
    """Most rows of a category."""
    balance_modes: bool | None = None
    """Equal numbers of each mode within a length bucket."""
    max_rows: int | None = Field(None, ge=1)
    """Most rows in all."""


class MixConfig(Config):
    """Options of `mix`."""

    weights: Weights = Field(default={})
    """Copies of a source's rows: 0.5 takes a seeded half, 2 each twice, 0 none; a source that is not named has 1."""
    quota: Quota = Field(default={})
    """Most rows of a category, such as `{numeral = 2000}`; a category that is not named has no limit."""
    balance_modes: bool = False
    """Within each length bucket, take as many rows of each mode as there are of its rarest."""
    buckets: tuple[Annotated[int, Field(ge=1)], ...] = BUCKETS
    """Upper bounds of the length buckets in tokens of the response; what is longer shares the last one."""
    least_mode_share: float = Field(0.02, ge=0, le=1)
    """A mode with a smaller part of its bucket does not shrink the others to its size."""
    max_rows: int | None = Field(None, ge=1)
    """Most rows in all; no limit by default."""
    ablations: dict[str, Ablation] = Field(default={})
    """Other mixes to compare with, by name, such as `{no_star = {weights = {rationalized = 0}}}`: the card gets a table of them."""
    tell_modes: bool = later(False)
    """Write the mode of its trace (`Effort: low, with Python.`) into each prompt; `evaluate.modes` asks in the same words."""
    seed: int = 0
    """Decides which rows a weight, a quota or the limit leaves out, and the order of the corpus."""

    @model_validator(mode="after")
    def _buckets_rise(self) -> Self:
        if not self.buckets or list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"buckets {list(self.buckets)}: at least one bound, each larger than the one before, is right")
        return self

    def recipe(self, other: Ablation | None = None) -> Recipe:
        """The mix itself, or another one."""
        given = {} if other is None else {name: value for name, value in other if value is not None}
        laid = self.model_copy(update=given)
        weights = {str(source): weight for source, weight in laid.weights.items()}
        return Recipe(
            weights, laid.quota, laid.balance_modes, laid.buckets, laid.least_mode_share, laid.max_rows, laid.seed, laid.tell_modes
        )


def run(config: MixConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Plan over all traces, then write the examples and the card."""
    traces, problems = inputs["traces"], inputs["problems"]
    statements = Statements()
    categories = {problem.category for problem in statements.agreeing(filled(problems), problems.address)}
    mixture = plan(watched(statements.agreeing(traces.rows(), traces.address), "mix", context), config.recipe())
    _require_known(config, categories | mixture.categories)
    if not mixture.order:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(mixture.reasons.items())) or "there were none"
        raise InputError(
            f"{traces.address}: of {mixture.rows_in} traces none is left to learn from ({reasons}); loosen filter, quota or weights"
        )
    card = Card()
    rows = outputs["corpus"].write(mixture.examples(traces.rows, card))
    told = told_of(card, mixture, config)
    outputs["card"].write_json("card.json", told)
    (outputs["card"].folder() / "card.md").write_text(as_markdown(told), encoding="utf-8")
    return Outcome(metrics={"rows": rows, "problems": told["problems"]}, rows_in=mixture.rows_in, dropped=dict(mixture.reasons))


def told_of(card: Card, mixture: Mixture, config: MixConfig) -> dict[str, Any]:
    """The whole card: counts, recipe, what was left out, other mixes where they are asked for."""
    told = {**card.as_json(), "recipe": identity(config), "left_out": dict(mixture.reasons)}
    if config.ablations:
        others = {name: config.recipe(other) for name, other in config.ablations.items()}
        told["ablations"] = compared(mixture.candidates, {"(this one)": mixture.recipe, **others})
    return told


def _require_known(config: MixConfig, categories: set[str]) -> None:
    unknown = sorted(set(config.quota) - categories)
    if unknown:
        raise ConfigError(f"mix.quota.{unknown[0]}: no trace or problem is of this category; there are {', '.join(sorted(categories))}")


MIX = Step(
    name="mix",
    version=3,
    config=MixConfig,
    run=run,
    inputs={"traces": Traces, "problems": Problems},
    outputs={"corpus": Corpus, "card": Report},
)
