"""The step `train`: a LoRA adapter that learns a corpus on a base model."""

from importlib.metadata import version
from typing import Any, Literal

from pydantic import Field

from nemoflow.artifacts import Adapter, Corpus, Model
from nemoflow.config import Config, later, tuning
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.models.folder import need_model

ENGINES = ("torch", "transformers", "peft", "trl", "bitsandbytes")


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
    threads: int = Field(0, ge=0, le=1024)
    """Threads of torch on a CPU, 0 for its own choice; sums round differently with their number, so it is part of the identity."""


def run(config: TrainConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Turn rows to tokens, train, write the adapter."""
    from transformers import AutoTokenizer

    from nemoflow.training.examples import encode_all
    from nemoflow.training.sft import SftRecipe, need_rows, train_adapter

    base = inputs["model"].folder()
    need_model(base, inputs["model"].address)
    rows = encode_all(AutoTokenizer.from_pretrained(base), inputs["corpus"].rows(), config.max_length, config.learn_outputs)
    need_rows(rows, config.max_length)
    recipe = SftRecipe(**config.model_dump(exclude={"learn_outputs"}))
    result = train_adapter(base, rows, recipe, _surroundings(context), outputs["adapter"].folder())
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
        },
        rows_in=len(rows.kept) + rows.dropped,
        dropped=rows.reasons,
        engines={name: version(name) for name in ENGINES},
    )


def _on_experts(report: Any) -> dict[str, float]:
    return {"routed": report.routed, "routed_trainable": report.routed_trainable} if report.routed else {}


def _laid_out(layout: Any) -> dict[str, float]:
    """Groups of rows and the share of their places without a token, where rows were put together."""
    return {} if layout is None else {"groups": len(layout.groups), "padding": round(layout.padding, 6)}


def _surroundings(context: Context) -> Any:
    from nemoflow.training.sft import SftSurroundings

    def started(steps: int, finished: int) -> None:
        context.progress.start("training", steps)
        if finished:
            context.progress.note(f"resumed at step {finished} of {steps}")
            context.progress.advance(finished)

    return SftSurroundings(
        checkpoints=context.scratch.path(),
        saved=context.scratch.save,
        started=started,
        advanced=lambda row: context.progress.advance(loss=round(row["loss"], 4)),
        noted=context.progress.note,
        stopping=context.stopping,
    )


TRAIN = Step(
    name="train",
    version=2,
    config=TrainConfig,
    run=run,
    inputs={"corpus": Corpus, "model": Model},
    outputs={"adapter": Adapter},
    pool="train",
    image="train",
)
