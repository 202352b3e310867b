"""Space: what a search may change, what it looks at, and when it gives a trial up; a TOML file.

metric = "evaluate-adapter.accuracy"      # a node and a metric of its manifest
direction = "maximize"
trials = 20

[params]                                  # ranges and choices that Optuna proposes from
"train.learning_rate" = { low = 1e-5, high = 1e-3, log = true }
"train.r" = { choices = [8, 16, 32] }
"mix.weights.rationalized" = { low = 0.0, high = 2.0 }

[prune]                                   # give up what is behind others of its age
figure = "held-out"                       # a figure that the steps show while they run

In place of [params], [grid] holds lists of values (all combinations are tried) or [ablate] (the workflow as it is, then each value alone).
"""

from itertools import product
from pathlib import Path
from typing import Any, Literal, Self

import orjson
from pydantic import Field, model_validator

from nemoflow.config import Config, build, read_toml

Overrides = dict[str, Any]


def label(value: Any) -> str:
    """Any value as the text that Optuna stores a choice as."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


class Parameter(Config):
    """A range (`low`, `high`) or `choices`; whole numbers at both ends make a range of whole numbers."""

    low: int | float | None = None
    """Smallest value."""
    high: int | float | None = None
    """Largest value."""
    step: int | float | None = Field(None, gt=0)
    """Distance of values; any value in between by default, or every whole number."""
    log: bool = False
    """Try as many values between 1 and 10 as between 10 and 100."""
    choices: tuple[Any, ...] = ()
    """Values of any kind, in place of a range."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if self.choices:
            if (self.low, self.high, self.step, self.log) != (None, None, None, False):
                raise ValueError("choices and a range: one of the two is right")
            return self
        if self.low is None or self.high is None or not self.low <= self.high:
            raise ValueError(f"low {self.low} and high {self.high}: a low that is no more than high, or choices, is right")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(f"log with low {self.low} and step {self.step}: a low above 0 and no step are right")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that between them show whether the workflow takes this parameter."""
        return self.choices or (self.low, self.high)


class Prune(Config):
    """When a trial is given up: it is behind others of its age by a figure that a step shows, or by the metric of a cheaper run."""

    figure: str = ""
    """Figure that a step shows beside its progress, such as `held-out` or `loss` of train."""
    direction: Literal["minimize", "maximize"] = "minimize"
    """Which way that figure is better."""
    rungs: tuple[dict[str, Any], ...] = ()
    """Overrides of cheaper runs, cheapest first: the metric of each decides whether the trial goes on to the next and to the whole run."""
    keep: float = Field(0.5, gt=0, lt=1)
    """Share of the earlier trials that a trial has to belong to at each age."""
    after: int = Field(4, ge=1)
    """Trials that are run to their end before any is given up."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if bool(self.figure) == bool(self.rungs):
            raise ValueError(f"figure {self.figure!r} and {len(self.rungs)} rungs: one of the two is right")
        return self


class Space(Config):
    """A search as its file describes it."""

    metric: str = Field(pattern=r"^[a-z0-9-]+\.[^.\s]+$")
    """node.metric of a manifest."""
    direction: Literal["minimize", "maximize"] = "maximize"
    """Which way the metric is better."""
    trials: int = Field(20, ge=1, le=100_000)
    """How many trials; [grid] and [ablate] know theirs."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Decides what is proposed."""
    sampler: Literal["tpe", "random"] = "tpe"
    """How [params] are proposed: from what was good so far, or at random."""
    params: dict[str, Parameter] = Field({})
    """Ranges and choices by node.field."""
    grid: dict[str, tuple[Any, ...]] = Field({})
    """Values by node.field; all combinations are tried."""
    ablate: dict[str, tuple[Any, ...]] = Field({})
    """Values by node.field; the workflow as it is, then each value alone."""
    prune: Prune | None = None
    """When to give a trial up; never by default."""

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        given = [name for name in ("params", "grid", "ablate") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"{' and '.join(given) or 'nothing to search'}: one of [params], [grid] and [ablate] is right")
        listed = {**{key: parameter.choices for key, parameter in self.params.items()}, **self.grid, **self.ablate}
        for key, values in listed.items():
            if (key not in self.params and not values) or len({*map(label, values)}) < len(values):
                raise ValueError(f"{key} = {list(values)}: at least one value, and each once, is right")
            if not all(key.split(".")) or "." not in key:
                raise ValueError(f"{key!r}: a key is node.field, such as train.learning_rate")
        return self

    @property
    def node(self) -> str:
        """Node whose metric is looked at."""
        return self.metric.partition(".")[0]

    @property
    def measure(self) -> str:
        """Name of the metric."""
        return self.metric.partition(".")[2]

    @property
    def points(self) -> list[Overrides]:
        """All trials of a grid or an ablation, in order; empty where Optuna proposes."""
        if self.ablate:
            return [{}, *({key: value} for key, values in self.ablate.items() for value in values)]
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())] if self.grid else []

    @property
    def samples(self) -> list[Overrides]:
        """Overrides that between them show whether the workflow takes the whole space."""
        each = [{key: value} for key, parameter in self.params.items() for value in parameter.ends]
        rungs = list(self.prune.rungs) if self.prune else []
        return [*each, *self.points, *rungs]

    @property
    def identity(self) -> str:
        """What two searches of one name must share; more trials may always be asked for."""
        return label(self.model_dump(mode="json", exclude={"trials"}))


def load_space(path: Path) -> Space:
    """Read a space file; ConfigError names file, key, value and what would be right."""
    return build(Space, read_toml(path), str(path), join=": ")
