"""The step `train`: a LoRA adapter that learns a corpus on a base model."""

import shutil
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Adapter, Corpus, Model, Report
from nemoflow.config import Config, later, tuning
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.models.folder import need_model, read_tokenizer
from nemoflow.steps.course import surroundings

ENGINES = ("torch", "transformers", "peft", "trl", "bitsandbytes")
NOT_OF_THE_RECIPE = {"learn_outputs", "eval_share"}
"""Fields that decide which rows are learned, and how they are written."""


class TrainConfig(Config):
    """How an adapter is trained; the defaults are the recipe for the 30 B model on one large GPU."""

    r: int = Field(32, ge=1, le=256)
    """Rank of the adapter; the contest takes at most 32."""
    alpha: int = Field(64, ge=1, le=2**16)
    """Scale of the adapter: its update is multiplied by alpha / r."""
    dropout: float = Field(0.05, ge=0, lt=1)
    """Share of the adapter's inputs that training leaves out."""
    targets: Literal["auto"] | tuple[str, ...] = "auto"
    """Modules to adapt, by the last part of their names; `auto` takes every Linear that PEFT accepts on the loaded model."""
    epochs: float = Field(3.0, gt=0, le=10_000)
    """Passes over the corpus."""
    micro_batch: int = Field(2, ge=1, le=2**16)
    """Rows that are held at once; with `packing`, packs of rows."""
    packing: bool = later(False)
    """Put rows side by side in packs of `batch_tokens` tokens (`max_length` where that is 0); for models of attention alone."""
    batch_tokens: int = later(0, ge=0, le=2**24)
    """Tokens held at once in place of `micro_batch` rows: one pack with `packing`, else rows of like length, padding included."""
    accumulation: int = Field(8, ge=1, le=2**16)
    """Micro batches to one step of the optimizer."""
    learning_rate: float = Field(2e-5, gt=0, allow_inf_nan=False)
    """Highest learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """How the learning rate falls after the warm-up."""
    warmup: float = Field(0.1, ge=0, lt=2**32)
    """Warm-up: a share of all steps below 1, else a number of steps."""
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Decay of the adapter's weights."""
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    """Memory of AdamW's second moment; 0.98 suits runs of some hundred steps."""
    max_grad_norm: float = Field(1.0, gt=0, allow_inf_nan=False)
    """Gradients are scaled down to this norm."""
    buckets: tuple[Annotated[int, Field(ge=8, le=2**20)], ...] = later(())
    """Bounds of length buckets in tokens, rising up to `max_length`: trained on in this order, each in batches of `batch_tokens`."""
    eval_share: float = later(0.0, ge=0, lt=1)
    """Share of the problems held out of training, to ask the loss on them."""
    eval_every: int = later(50, ge=1, lt=2**32)
    """Steps from one held-out loss to the next; the last step is always asked."""
    keep: Literal["last", "best"] = later("last")
    """Which state becomes the adapter: the last, or that of the lowest held-out loss."""
    average: int = later(0, ge=0, le=64)
    """Make the adapter the mean of so many of its last states; 0 for one state."""
    average_every: int = later(0, ge=0, lt=2**32)
    """Steps between states that are averaged; 0 for a twentieth of the run."""
    max_length: int = Field(4096, ge=8, le=2**20)
    """Longest row in tokens; longer ones are dropped whole and counted."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Arithmetic of the base; the adapter's own weights are always fp32."""
    quantization: Literal["nf4", "none"] = "nf4"
    """Whether the base's Linear modules and routed experts are held in 4 bits."""
    activation_checkpointing: bool = True
    """Recompute activations on the way back: less memory, about 1.5 times the time."""
    experts: bool = later(False)
    """Adapt routed experts too, one pair of matrices each: 30 times the adapter's parameters on Nemotron-3-Nano."""
    learn_outputs: bool = later(True)
    """Also learn to write what Python printed, in responses with blocks of output; without it these are only read."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Decides the adapter's start, the order of rows and dropout."""
    base_name: str = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"
    """Name of the base that the adapter's config names; where the base lies is the input's affair."""
    checkpoint_every: int = tuning(50, ge=1, lt=2**32)
    """Steps between checkpoints; a kill loses at most so many."""
    track: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = tuning(())
    """Trackers to show the run in, besides the live log that is always written; keys come from the environment."""
    threads: int = Field(0, ge=0, le=1024)
    """Threads of torch on a CPU, 0 for its own choice; sums round differently with their number, so it is part of the identity."""
    processes: int = later(1, ge=1, le=4096)
    """Processes that train together, each on a GPU of its own; they share the micro batches of a step, whose rows stay the same."""
    sharding: Literal["none", "base"] = later("none")
    """`base`: each process holds a part of the base, and gathers a layer when it needs it; for a base that one GPU cannot hold."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.buckets:
            if list(self.buckets) != sorted(set(self.buckets)) or self.buckets[-1] != self.max_length:
                raise ValueError(
                    f"buckets {list(self.buckets)}: rising bounds of which the last is max_length ({self.max_length}) are right"
                )
            if not self.batch_tokens:
                raise ValueError(f"buckets {list(self.buckets)}: need batch_tokens, the tokens held at once, such as {self.buckets[0]}")
        if self.keep == "best" and not self.eval_share:
            raise ValueError("keep 'best': needs eval_share above 0, such as 0.02, to tell which state is best")
        if self.keep == "best" and self.average:
            raise ValueError(f"keep 'best' and average {self.average}: one of the two is right")
        if self.accumulation % self.processes:
            raise ValueError(
                f"processes {self.processes}: share the {self.accumulation} micro batches of accumulation; a divisor of it is right"
            )
        if self.sharding == "base" and (self.processes == 1 or self.quantization != "none"):
            raise ValueError(
                f"sharding 'base' with processes {self.processes} and quantization {self.quantization!r}: it parts a base in full "
                "precision between processes; quantization 'none' and 2 processes or more are right, or sharding 'none'"
            )
        if self.average == 1:
            raise ValueError("average 1: 0 for the last state, or 2 and more for a mean, is right")
        return self


def run(config: TrainConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Turn rows to tokens, train, write the adapter."""
    from nemoflow.training.held_out import hold_out
    from nemoflow.training.preflight import preflight
    from nemoflow.training.sft import need_rows

    base = inputs["model"].folder()
    need_model(base, inputs["model"].address)
    tokenizer = read_tokenizer(base, inputs["model"].address)
    seen = preflight(base, tokenizer, inputs["corpus"].rows(), config.model_dump(), inputs["corpus"].address)
    rows = _in_tokens(config, tokenizer, inputs)
    need_rows(rows, config.max_length)
    seen.need_room(rows.longest)
    for line in seen.lines(rows.longest):
        context.progress.note(line)
    rows, held = hold_out(rows, config.eval_share, config.seed)
    watch = outputs["watch"].folder()
    result = _train(config, _work(config, base, rows, held, outputs["adapter"].folder(), watch), context)
    seen.write(outputs["adapter"].folder())
    _write_watch(context.scratch.path(), result, watch)
    return Outcome(
        metrics={
            "rows": len(rows.kept),
            "tokens": rows.tokens,
            "longest": rows.longest,
            "steps": len(result.log),
            "loss": result.last_loss,
            "trainable": result.report.trainable,
            "quantised": result.report.quantised,
            **_on_experts(result.report),
            **_laid_out(result.layout),
            **({"held_out": len(held)} if held else {}),
            **result.speed,
            **result.chosen,
        },
        rows_in=len(rows.kept) + len(held) + rows.dropped,
        dropped=rows.reasons,
        engines={name: version(name) for name in ENGINES},
    )


def join(config: TrainConfig, inputs: Inputs, context: Context) -> None:
    """Take part in a training that another pod runs: the same rows in the same order, and nothing written."""
    from nemoflow.training.held_out import hold_out

    base = inputs["model"].folder()
    rows = _in_tokens(config, read_tokenizer(base, inputs["model"].address), inputs)
    rows, held = hold_out(rows, config.eval_share, config.seed)
    _train(config, _work(config, base, rows, held, None, None), context)


def _in_tokens(config: TrainConfig, tokenizer: Any, inputs: Inputs) -> Any:
    """The corpus, the same in every pod."""
    from nemoflow.training.examples import encode_all

    return encode_all(tokenizer, inputs["corpus"].rows(), config.max_length, config.learn_outputs)


def _work(config: TrainConfig, base: Path, rows: Any, held: Any, out: Path | None, watch: Path | None) -> Any:
    """The training, as each of its processes does it."""
    from nemoflow.training.sft import SftRecipe, train_adapter

    recipe = SftRecipe(**config.model_dump(exclude=NOT_OF_THE_RECIPE))
    return partial(train_adapter, base, rows, recipe, out=out, held=held, others=watch)


def _train(config: TrainConfig, work: Any, context: Context) -> Any:
    """Train in this process, or in several; what came of it, None in a pod that joins another."""
    from nemoflow.training.together import meeting, together

    if config.processes == 1:
        return work(around=surroundings(context, "training", "loss", _shown))
    with meeting(context.gang, context.finished, context.stopping) as at:
        if at is None:
            return None
        # Only now: the first pod holds the claim, so what lies in the scratch is what all of them go on from.
        return together(work, surroundings(context, "training", "loss", _shown), config.processes, at, config.threads)


def _on_experts(report: Any) -> dict[str, float]:
    return {"routed": report.routed, "routed_trainable": report.routed_trainable} if report.routed else {}


def _laid_out(layout: Any) -> dict[str, float]:
    """Groups of rows and the share of their places without a token, where rows were put together."""
    return {} if layout is None else {"groups": len(layout.groups), "padding": round(layout.padding, 6)}


def _write_watch(scratch: Path, result: Any, out: Path) -> None:
    """What tells of the run and not of the adapter: seconds, memory, the curve, what trackers wrote."""
    from nemoflow.evaluation.charts_training import curves_svg
    from nemoflow.training.sft import TRACKED

    shutil.copy(result.watched, out)
    (out / "curve.svg").write_text(curves_svg(result.log), encoding="utf-8")
    if (scratch / TRACKED).exists():
        shutil.copytree(scratch / TRACKED, out / TRACKED, ignore=shutil.ignore_patterns("latest-run"))  # W&B's link to the newest


def _shown(row: dict[str, float]) -> dict[str, Any]:
    """A step's figures beside the bar."""
    held = {"held-out": round(row["held_out_loss"], 4)} if "held_out_loss" in row else {}
    return {"loss": round(row["loss"], 4), **held, "lr": row["learning_rate"], "tokens/s": row["tokens_per_s"]}


TRAIN = Step(
    name="train",
    version=3,
    config=TrainConfig,
    run=run,
    inputs={"corpus": Corpus, "model": Model},
    outputs={"adapter": Adapter, "watch": Report},
    pool="train",
    image="train",
    processes=lambda config: config.processes,
    join=join,
)
