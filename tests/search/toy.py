"""A toy workflow to search over: `count` makes problems, `climb` shows a figure step by step and scores what it was told."""

from pydantic import Field
from tests.flow.toy import COUNT, CountConfig

from nemoflow.artifacts import Problems, Report
from nemoflow.config import Config
from nemoflow.errors import ConfigError, InputError, ProviderError, Stopped
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.search.space import Overrides

STEPS = 5


class ClimbConfig(Config):
    rate: float = 0.5
    """Best is 0.3."""
    width: int = 1
    """Best is 4."""
    steps: int = STEPS
    """How long it climbs."""
    weights: dict[str, float] = Field({})
    """A table."""
    fail: str = ""
    """Raise this instead."""


def run_climb(config: ClimbConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    if config.fail:
        raise {"input": InputError("row 3: bad"), "busy": ProviderError("the model is busy")}[config.fail]
    score = 1 - abs(config.rate - 0.3) - abs(config.width - 4) / 10 + config.weights.get("public", 0.0)
    context.progress.start("climbing", config.steps)
    for step in range(config.steps):
        context.progress.advance(loss=round(2 - score * (step + 1) / STEPS, 6))
        if context.stopping():
            raise Stopped(f"asked to, after {step + 1}")
    outputs["page"].write_json("page.json", {"score": score})
    return Outcome(metrics={"score": score})


CLIMB = Step("climb", 1, ClimbConfig, run_climb, inputs={"problems": Problems}, outputs={"page": Report})
AFTER = Step("after", 1, ClimbConfig, run_climb, inputs={"problems": Problems}, outputs={"page": Report})


def make(overrides: Overrides) -> Pipeline:
    """count -> climb, and a node beside it that no search of `climb` needs."""
    values: dict[str, dict[str, object]] = {"count": {}, "climb": {}, "after": {"fail": "input"}}
    for key, value in overrides.items():
        node, _, field = key.partition(".")
        if node not in values:
            raise ConfigError(f"no node {node!r}")
        values[node][field] = value
    problems = {"problems": From("count", "problems")}
    return Pipeline(
        "toy",
        (
            Node("count", COUNT, CountConfig(**values["count"])),  # type: ignore[arg-type]
            Node("climb", CLIMB, ClimbConfig(**values["climb"]), problems),  # type: ignore[arg-type]
            Node("after", AFTER, ClimbConfig(**values["after"]), problems),  # type: ignore[arg-type]
        ),
    )
