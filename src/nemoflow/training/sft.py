"""Supervised fine-tuning of a LoRA adapter: TRL's SFTTrainer on rows that are already tokens.

A checkpoint is written beside and renamed when it is whole, so a kill leaves complete ones only; a resumed run goes on with the same
data order, optimizer and random state and ends with the same bytes as one that nobody disturbed. What of the run becomes the adapter
(the last state, the best, a mean) is chosen at its end, in `result.py`.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nemoflow.errors import InputError
from nemoflow.models.noise import hush_libraries
from nemoflow.training.alarms import Alarms, Suspects
from nemoflow.training.averaging import average_steps
from nemoflow.training.batches import Batches, lay_out, lay_out_buckets
from nemoflow.training.course import COMPLETE, LIVE, Surroundings, go_through, lay_out_checkpoints, with_one_gpu
from nemoflow.training.examples import Row, Rows
from nemoflow.training.gpus import need_compiler
from nemoflow.training.held_out import HeldOut
from nemoflow.training.isolation import need_isolation, refuse_states
from nemoflow.training.live import LiveLog
from nemoflow.training.meter import Meter, speed
from nemoflow.training.packing import Layout
from nemoflow.training.ranks import ALONE, Ranks
from nemoflow.training.result import choose, write_adapter
from nemoflow.training.sharding import let_adapters_meet, only_adapters_meet, part_base
from nemoflow.training.snapshots import Snapshots, hold_in_fp32
from nemoflow.training.targets import TargetReport, report_targets, resolve_experts, resolve_targets, towers_of
from nemoflow.training.tracking import need_trackers, where_trackers_write
from nemoflow.training.watch import Watched, make_watch, step_row

SNAPSHOTS = "snapshots"
TRACKED = "tracked"


@dataclass(frozen=True)
class SftRecipe:
    """Every choice of a LoRA run; names as in the step's config."""

    r: int
    alpha: int
    dropout: float
    targets: Literal["auto"] | tuple[str, ...]
    epochs: float
    micro_batch: int
    accumulation: int
    learning_rate: float
    schedule: str
    warmup: float
    weight_decay: float
    adam_beta2: float
    max_grad_norm: float
    max_length: int
    packing: bool
    batch_tokens: int
    precision: Literal["bf16", "fp32"]
    quantization: Literal["nf4", "none"]
    activation_checkpointing: bool
    experts: bool
    checkpoint_every: int
    threads: int
    seed: int
    base_name: str
    buckets: tuple[int, ...] = ()
    eval_every: int = 50
    keep: Literal["last", "best"] = "last"
    average: int = 0
    average_every: int = 0
    track: tuple[str, ...] = ()
    processes: int = 1
    sharding: Literal["none", "base"] = "none"


@dataclass(frozen=True)
class SftResult:
    """What came of it."""

    log: list[dict[str, float]]
    report: TargetReport
    layout: Layout | None = None
    """Which rows lay together, where they were packed or stacked."""
    watched: Path | None = None
    """The live log, a row a step with what it cost."""
    speed: Mapping[str, float] = field(default_factory=dict)
    """Seconds a step, tokens a second and the most memory, by the names of a manifest's metrics."""
    chosen: Mapping[str, float] = field(default_factory=dict)
    """What is told of the state that became the adapter, by the names of a manifest's metrics."""

    @property
    def last_loss(self) -> float:
        """Mean loss of the last tenth of the steps."""
        tail = self.log[-max(1, len(self.log) // 10) :]
        return sum(row["loss"] for row in tail) / len(tail)


def train_adapter(
    base: Path,
    rows: Rows,
    recipe: SftRecipe,
    around: Surroundings,
    out: Path | None,
    held: Sequence[Row] = (),
    others: Path | None = None,
) -> SftResult | None:
    """Teach an adapter the rows and write it to `out`; from the last complete checkpoint where there is one.

    The loss on the rows of `held` is asked now and then; what was not chosen of last, best and mean goes to folders of `others`.
    Of processes that train together the first writes and returns a result, the others return None.
    """
    import torch
    from transformers import AutoTokenizer

    ranks = around.ranks
    need_compiler()
    around = replace(around, stopping=_agreed(around))
    if ranks.is_first:
        need_trackers(recipe.track)
    else:
        recipe = replace(recipe, track=())
    hush_libraries()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    with warnings.catch_warnings():
        # PEFT 0.21 and TRL 1.16 ask transformers 5.23 for activation checkpointing by the name that it is about to drop
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
        if recipe.packing:
            refuse_states(base)
        loaded = load_base(base, recipe.precision, recipe.quantization, on_cpu=recipe.sharding == "base")
        if recipe.packing:
            need_isolation(loaded)
        model, report = adapt(loaded, recipe)
        ranks.wait()
        tokenizer = AutoTokenizer.from_pretrained(base)
        batches = _batches(rows, recipe, tokenizer)
        for line in [*report.lines(), *batches.lines]:
            around.noted(line)
        watched = _watched(recipe, around, batches, report, _held(held, recipe, tokenizer))
        history = _fit(model, tokenizer, batches, recipe, watched, around.checkpoints)
        if not ranks.is_first or out is None:
            return None
        log = [step_row(entry) for entry in history]
        chosen = choose(model, watched.snapshots, log, recipe.keep, watched.averaged(len(log)) if recipe.average else (), recipe.r)
        write_adapter(model, chosen, recipe.base_name, report, log, out, others)
    for line in chosen.lines:
        around.noted(line)
    return SftResult(log, report, batches.layout, around.checkpoints / LIVE, speed(watched.live.rows()), chosen.figures)


def _agreed(around: Surroundings) -> Callable[[], bool]:
    """Whether one of the processes was asked to stop: then all of them stop at the same place."""
    ranks, asked = around.ranks, around.stopping
    return asked if ranks is ALONE else lambda: ranks.any(asked())


def _pad(tokenizer: Any) -> int:
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


def _batches(rows: Rows, recipe: SftRecipe, tokenizer: Any) -> Batches:
    pad, tokens = _pad(tokenizer), recipe.batch_tokens
    if recipe.buckets:
        return lay_out_buckets(rows, recipe.buckets, recipe.epochs, recipe.packing, tokens, recipe.seed, pad)
    return lay_out(rows, recipe.micro_batch, recipe.packing, tokens, recipe.max_length, recipe.seed, pad)


def _held(rows: Sequence[Row], recipe: SftRecipe, tokenizer: Any) -> HeldOut | None:
    """Held-out rows in micro batches no larger than those of training."""
    tokens = recipe.batch_tokens or recipe.micro_batch * max(map(len, rows), default=1)
    return HeldOut.of(rows, tokens, _pad(tokenizer)) if rows else None


def _watched(recipe: SftRecipe, around: Surroundings, batches: Batches, report: TargetReport, held: HeldOut | None) -> Watched:
    suspects = Suspects(recipe.learning_rate, recipe.precision, ", ".join(report.targets), report.trainable)

    def bucket(step: int) -> dict[str, float]:
        return {"bucket": batches.bounds[(step - 1) * recipe.accumulation]} if batches.bounds else {}

    return Watched(
        complete=around.checkpoints / COMPLETE,
        live=LiveLog(around.checkpoints / LIVE),
        meter=Meter(),
        alarms=Alarms(suspects),
        snapshots=Snapshots(around.checkpoints / SNAPSHOTS),
        held=held,
        eval_every=recipe.eval_every,
        averaged=lambda steps: average_steps(steps, recipe.average, recipe.average_every),
        bucket=bucket,
        saved=around.saved,
        started=around.started,
        advanced=around.advanced,
        stopping=around.stopping,
        ranks=around.ranks,
    )


def adapt(model: Any, recipe: SftRecipe) -> tuple[Any, TargetReport]:
    """Put a fresh adapter on the base; its first weights depend on the seed alone."""
    import torch
    from peft import LoraConfig, get_peft_model

    from nemoflow.models.expert_lora import teach

    targets = resolve_targets(model, recipe.targets)
    on_experts = resolve_experts(model) if recipe.experts else []
    torch.manual_seed(recipe.seed)
    adapter = LoraConfig(
        r=recipe.r,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=targets + on_experts,
        exclude_modules=towers_of(model),
        bias="none",
        task_type="CAUSAL_LM",
    )
    teach(adapter, model)
    model = get_peft_model(model, adapter)
    return model, report_targets(model, targets)


def load_base(base: Path, precision: Literal["bf16", "fp32"], quantization: Literal["nf4", "none"], *, on_cpu: bool = False) -> Any:
    """The base model on this process' GPU, or on the CPU where asked or there is none; in 4 bits where asked, routed experts too."""
    import torch
    from transformers import AutoModelForCausalLM

    from nemoflow.training.quantised import load_quantised

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    device = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() and not on_cpu else "cpu"
    if quantization == "nf4":
        return load_quantised(base, dtype, device)
    return AutoModelForCausalLM.from_pretrained(base, dtype=dtype, device_map={"": device})


def _fit(model: Any, tokenizer: Any, batches: Batches, recipe: SftRecipe, watched: Watched, folder: Path) -> list[dict[str, Any]]:
    """Train; what the trainer logged of each step."""
    ranks = watched.ranks
    partial, _ = lay_out_checkpoints(folder, ranks)
    is_parted = ranks.count > 1 and recipe.sharding == "base"
    if is_parted:
        part_base(model)
    elif ranks.count > 1:
        only_adapters_meet(model)
    watch = make_watch(watched)
    with where_trackers_write(folder / TRACKED, recipe.track):
        trainer = _trainer(watched.meter)(
            model=model,
            args=_arguments(recipe, partial, batches, ranks),
            data_collator=batches.collate,
            train_dataset=_dataset(batches),
            processing_class=tokenizer,
        )
        watch.trainer = trainer
        hold_in_fp32(model)
        if is_parted:
            let_adapters_meet(trainer)
        return go_through(trainer, watch, folder, "train", ranks)


def _trainer(meter: Meter) -> Any:
    """TRL's trainer, with a meter at the door of the model."""
    from trl import SFTTrainer

    class MeteredTrainer(SFTTrainer):  # type: ignore[misc]
        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            meter.saw(inputs)
            return super().training_step(model, inputs, *args, **kwargs)

    return MeteredTrainer


def _dataset(batches: Batches) -> Any:
    """Items as the trainer takes them; in the order of the whole run where there is one."""
    from datasets import Dataset

    items = Dataset.from_list(batches.items)
    return items if batches.order is None else items.select(batches.order)


def _arguments(recipe: SftRecipe, output: Path, batches: Batches, ranks: Ranks) -> Any:
    import torch
    from trl import SFTConfig

    arguments = SFTConfig(
        output_dir=str(output),
        num_train_epochs=recipe.epochs if batches.order is None else 1,
        train_sampling_strategy="random" if batches.order is None else "sequential",
        per_device_train_batch_size=batches.size,
        gradient_accumulation_steps=recipe.accumulation // ranks.count,  # the trainer deals micro batches out in turn: the same rows a step
        average_tokens_across_devices=True,  # and the same weight for each token of a step
        ddp_find_unused_parameters=recipe.experts,  # an expert that no token of a micro batch went to
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        adam_beta2=recipe.adam_beta2,
        max_grad_norm=recipe.max_grad_norm,
        bf16=recipe.precision == "bf16",
        activation_checkpointing=recipe.activation_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        seed=recipe.seed,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        logging_steps=1,  # a longer interval would lose the sum of a broken one at a resume
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=recipe.checkpoint_every,
        report_to=list(recipe.track),
        project="nemoflow",
        disable_tqdm=True,
    )
    return with_one_gpu(arguments)


def need_rows(rows: Rows, max_length: int) -> None:
    """InputError where nothing is left to train on."""
    if not rows.kept:
        why = f"all {rows.dropped} rows are over train.max_length ({max_length} tokens)" if rows.dropped else "it has no rows"
        raise InputError(f"train: nothing to learn from the corpus: {why}")
