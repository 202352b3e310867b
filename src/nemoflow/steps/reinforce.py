"""The step `reinforce`: an adapter that a reward pushes on, on problems whose answers are known or on puzzles without end."""

from collections.abc import Iterator
from importlib.metadata import version
from itertools import cycle, islice
from random import Random
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Adapter, Model, Problems, Report
from nemoflow.config import Config, tuning
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.flow.step import Optional as MayBeLeftOut
from nemoflow.models.folder import need_adapter, need_model
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.family import Level
from nemoflow.puzzles.split import draw
from nemoflow.steps.course import surroundings
from nemoflow.steps.train import ENGINES

Weight = Annotated[float, Field(ge=-100, le=100)]


class Weights(Config):
    """What each part of the reward counts."""

    right: Weight = 1.0
    """The answer is right by the contest's metric, and the response came to its end."""
    format: Weight = 0.2
    """Thinking closed once, a box after it, nothing behind the box."""
    concise: Weight = 0.1
    """Share of the allowed tokens that a right response left unused."""
    no_leak: Weight = 0.2
    """The response does not speak of a known answer."""


class ReinforceConfig(Config):
    """How an adapter is reinforced; the defaults are a start for the 30 B model on one large GPU, measured by nobody here."""

    steps: int = Field(200, ge=1, le=10**6)
    """Steps of the optimizer."""
    prompts: int = Field(8, ge=1, le=2**16)
    """Problems a step."""
    samples: int = Field(8, ge=2, le=2**12)
    """Responses a problem: their rewards are compared with each other."""
    micro_batch: int = Field(8, ge=1, le=2**16)
    """Responses that are held at once on the way back; divides prompts x samples."""
    max_new_tokens: int = Field(2048, ge=1, le=2**20)
    """Tokens of a response; one that comes to no end by then is wrong."""
    temperature: float = Field(1.0, gt=0, le=10)
    """How freely responses are drawn."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Likeliest tokens of together this share are drawn from."""
    beta: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Weight of the penalty for leaving the adapter that was handed in (KL); 0 holds no second adapter."""
    loss: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = "dapo"
    """How tokens are averaged: by response, over the step, by the longest possible response, over the micro batch."""
    scale: Literal["none", "group", "batch"] = "none"
    """What a response's lead over its group is divided by: nothing, or the spread of rewards in its group, or over the step. Divided by the
    group's, a hair's breadth between two right responses pushes as hard as right against wrong."""
    weights: Weights = Weights()
    """What the parts of the reward count."""
    kinds: dict[str, Annotated[int, Field(ge=1, le=1000)]] = Field({})
    """Kinds of puzzle and how often each comes, such as `{numeral = 2, unit = 1}`: an endless source in place of the problems handed in."""
    level: Level = "contest"
    """How hard the puzzles are."""
    learning_rate: float = Field(1e-5, gt=0, allow_inf_nan=False)
    """Highest learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "constant_with_warmup"
    """How the learning rate falls after the warm-up."""
    warmup: float = Field(0.05, ge=0, lt=2**32)
    """Warm-up: a share of all steps below 1, else a number of steps."""
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    """Memory of AdamW's second moment."""
    max_grad_norm: float = Field(1.0, gt=0, allow_inf_nan=False)
    """Gradients are scaled down to this norm."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Arithmetic of the base; the adapter's own weights are always fp32."""
    quantization: Literal["nf4", "none"] = "nf4"
    """Whether the base's Linear modules are held in 4 bits."""
    activation_checkpointing: bool = True
    """Recompute activations on the way back."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Decides which puzzles are drawn, the order of problems, and the responses."""
    base_name: str = ""
    """Name of the base that the adapter's config names; empty keeps that of the adapter handed in."""
    checkpoint_every: int = tuning(10, ge=1, lt=2**32)
    """Steps between checkpoints; a kill loses at most so many."""
    threads: int = Field(0, ge=0, le=1024)
    """Threads of torch on a CPU, 0 for its own choice."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.prompts * self.samples % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch}: a divisor of prompts x samples ({self.prompts * self.samples}) is right")
        if not any(weight for _, weight in self.weights):
            raise ValueError("weights: all 0; at least one part of the reward has to count")
        for kind in self.kinds:
            if kind not in FAMILIES:
                raise ValueError(f"kinds: unknown kind {kind!r}; known kinds: {', '.join(sorted(FAMILIES))}")
        return self


def puzzle_asks(kinds: dict[str, int], seed: int, level: Level) -> Iterator[tuple[str, str]]:
    """Endless (statement, gold) of training's side, kinds in turns as often as they ask for; each puzzle comes once."""
    sources = {kind: draw(FAMILIES[kind], "train", seed, level) for kind in kinds}
    turns = [kind for kind in sorted(kinds) for _ in range(kinds[kind])]
    for kind in cycle(turns):
        puzzle = next(sources[kind])
        yield puzzle.statement, puzzle.gold or ""


def problem_asks(problems: Any, seed: int) -> Iterator[tuple[str, str]]:
    """Endless (statement, gold) of problems with a gold answer: all of them in an order of the seed's, then all in another."""
    known = [(problem.statement, problem.gold) for problem in problems.rows() if problem.gold]
    if not known:
        raise InputError(f"{problems.address}: no problem with a gold answer; a reward needs something to verify against")
    for again in range(10**9):
        yield from Random(f"{seed}:reinforce:{again}").sample(known, len(known))


def run(config: ReinforceConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Draw the prompts, reinforce, write the adapter."""
    from nemoflow.training.grpo import Ask, GrpoRecipe, reinforce_adapter

    base, adapter = inputs["model"].folder(), inputs["adapter"].folder()
    need_model(base, inputs["model"].address)
    need_adapter(adapter, inputs["adapter"].address)
    drawn = islice(_asks(config, inputs), config.steps * config.prompts)
    asks = [Ask(statement, gold) for statement, gold in drawn]
    named = config.base_name or str(inputs["adapter"].json("adapter_config.json").get("base_model_name_or_path") or "")
    recipe = GrpoRecipe(**{**config.model_dump(exclude={"kinds", "level"}), "base_name": named})
    result = reinforce_adapter(
        base, adapter, asks, recipe, surroundings(context, "reinforcing", "reward", _shown), outputs["adapter"].folder()
    )
    _write_watch(result, outputs)
    tokens = sum(row["tokens"] for row in result.log) * config.prompts * config.samples
    return Outcome(
        metrics={
            "reward": result.mean_of("reward", first=False),
            "reward_at_start": result.mean_of("reward", first=True),
            "right": result.mean_of("right", first=False),
            "right_at_start": result.mean_of("right", first=True),
            "steps": len(result.log),
            "rollouts": config.steps * config.prompts * config.samples,
            "completion_tokens": round(tokens),
            "trainable": result.report.trainable,
        },
        rows_in=len(asks),
        engines={name: version(name) for name in ENGINES},
    )


def _asks(config: ReinforceConfig, inputs: Inputs) -> Iterator[tuple[str, str]]:
    if config.kinds:
        return puzzle_asks(config.kinds, config.seed, config.level)
    if "problems" not in inputs:
        raise ConfigError("reinforce.kinds: names no kind of puzzle, and no problems are handed in; one of the two is right")
    return problem_asks(inputs["problems"], config.seed)


def _write_watch(result: Any, outputs: Outputs) -> None:
    """The live log with its seconds, and the curve."""
    import shutil

    from nemoflow.evaluation.charts_reward import reward_svg

    folder = outputs["watch"].folder()
    shutil.copy(result.watched, folder)
    (folder / "curve.svg").write_text(reward_svg(result.log), encoding="utf-8")


def _shown(row: dict[str, float]) -> dict[str, Any]:
    """A step's figures beside the bar."""
    return {"reward": round(row["reward"], 4), "right": round(row["right"], 4), "tokens": round(row["tokens"], 1)}


REINFORCE = Step(
    name="reinforce",
    version=4,
    config=ReinforceConfig,
    run=run,
    inputs={"adapter": Adapter, "model": Model, "problems": MayBeLeftOut(Problems)},
    outputs={"adapter": Adapter, "watch": Report},
    pool="train",
    image="train",
)
