"""Supervised fine-tuning of a LoRA adapter: TRL's SFTTrainer on rows that are already tokens.

A checkpoint is written beside and renamed when it is whole, so a kill leaves complete ones only; a resumed run goes on with the same
data order, optimizer and random state and ends with the same bytes as one that nobody disturbed.
"""

import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.models.noise import hush_libraries
from nemoflow.training.batches import Batches, lay_out
from nemoflow.training.examples import Rows
from nemoflow.training.isolation import need_isolation, refuse_states
from nemoflow.training.packing import Layout
from nemoflow.training.targets import TargetReport, report_targets, resolve_experts, resolve_targets

COMPLETE = "complete"
PARTIAL = "partial"
KEPT_CHECKPOINTS = 2


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


@dataclass(frozen=True)
class SftSurroundings:
    """Where checkpoints go, who is told of progress and who may ask to stop."""

    checkpoints: Path
    saved: Callable[[], None]
    started: Callable[[int, int], None]
    """Called with the steps in all and the steps that a checkpoint already holds."""
    advanced: Callable[[dict[str, float]], None]
    noted: Callable[[str], None]
    stopping: Callable[[], bool]


@dataclass(frozen=True)
class SftResult:
    """What came of it."""

    log: list[dict[str, float]]
    report: TargetReport
    layout: Layout | None = None
    """Which rows lay together, where they were packed or stacked."""

    @property
    def last_loss(self) -> float:
        """Mean loss of the last tenth of the steps."""
        tail = self.log[-max(1, len(self.log) // 10) :]
        return sum(row["loss"] for row in tail) / len(tail)


def train_adapter(base: Path, rows: Rows, recipe: SftRecipe, around: SftSurroundings, out: Path) -> SftResult:
    """Teach an adapter the rows and write it to `out`; from the last complete checkpoint where there is one."""
    import torch
    from transformers import AutoTokenizer

    hush_libraries()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    with warnings.catch_warnings():
        # PEFT 0.21 and TRL 1.16 ask transformers 5.23 for activation checkpointing by the name that it is about to drop
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
        if recipe.packing:
            refuse_states(base)
        loaded = load_base(base, recipe)
        if recipe.packing:
            need_isolation(loaded)
        model, report = adapt(loaded, recipe)
        tokenizer = AutoTokenizer.from_pretrained(base)
        batches = _batches(rows, recipe, tokenizer)
        for line in [*report.lines(), *filter(None, [batches.line])]:
            around.noted(line)
        log = _fit(model, tokenizer, batches, recipe, around)
        _write(model, recipe, report, log, out)
    return SftResult(log, report, batches.layout)


def _batches(rows: Rows, recipe: SftRecipe, tokenizer: Any) -> Batches:
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return lay_out(rows, recipe.micro_batch, recipe.packing, recipe.batch_tokens, recipe.max_length, recipe.seed, pad)


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
        bias="none",
        task_type="CAUSAL_LM",
    )
    teach(adapter, model)
    model = get_peft_model(model, adapter)
    return model, report_targets(model, targets)


def load_base(base: Path, recipe: SftRecipe) -> Any:
    """The base model in the recipe's precision; in 4 bits where asked, routed experts too."""
    import torch
    from transformers import AutoModelForCausalLM

    from nemoflow.training.quantised import load_quantised

    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if recipe.quantization == "nf4":
        return load_quantised(base, dtype, device)
    return AutoModelForCausalLM.from_pretrained(base, dtype=dtype, device_map={"": device})


def _fit(model: Any, tokenizer: Any, batches: Batches, recipe: SftRecipe, around: SftSurroundings) -> list[dict[str, float]]:
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTTrainer

    complete, partial = around.checkpoints / COMPLETE, around.checkpoints / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    complete.mkdir(parents=True, exist_ok=True)
    watch = _watch(recipe, around, complete)
    trainer = SFTTrainer(
        model=model,
        args=_arguments(recipe, partial, batches.size),
        data_collator=batches.collate,
        train_dataset=Dataset.from_list(batches.items),
        processing_class=tokenizer,
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    for weight in model.parameters():
        if weight.requires_grad:  # TRL casts adapters on a 4-bit base to bf16, where a step of 2e-5 vanishes in the rounding
            weight.data = weight.data.to(torch.float32)
    last = newest_checkpoint(complete)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if watch.stopped:
        raise Stopped(f"train: stopped after step {trainer.state.global_step} of {trainer.state.max_steps}; the checkpoint is kept")
    shutil.rmtree(partial, ignore_errors=True)
    return [_log_row(entry) for entry in trainer.state.log_history if "loss" in entry]


def newest_checkpoint(complete: Path) -> Path | None:
    """The complete checkpoint with the highest step."""
    found = sorted(complete.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return found[-1] if found else None


def _arguments(recipe: SftRecipe, output: Path, micro_batch: int) -> Any:
    import torch
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(output),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=recipe.accumulation,
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
        report_to=[],
        disable_tqdm=True,
    )


def _watch(recipe: SftRecipe, around: SftSurroundings, complete: Path) -> Any:
    """The trainer's callback: progress, whole checkpoints, the stop signal, a loss that is no number."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        stopped = False

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            around.started(state.max_steps, state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                row = _log_row({**logs, "step": state.global_step})
                _check_finite(row, recipe)
                around.advanced(row)

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            name = f"checkpoint-{state.global_step}"
            if not (complete / name).exists():
                os.rename(Path(args.output_dir) / name, complete / name)
            for old in sorted(complete.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))[:-KEPT_CHECKPOINTS]:
                shutil.rmtree(old)
            around.saved()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if around.stopping() and state.global_step < state.max_steps:
                self.stopped = True
                control.should_save = control.should_training_stop = True

    return Watch()


def _check_finite(row: dict[str, float], recipe: SftRecipe) -> None:
    loss, norm = row["loss"], row["grad_norm"]
    if loss != loss or norm != norm or abs(loss) == float("inf") or norm == float("inf"):
        raise ConfigError(
            f"train: loss {loss}, gradient norm {norm} at step {int(row['step'])}: no number to learn from; "
            f"look at train.learning_rate ({recipe.learning_rate}; try a tenth), train.precision ({recipe.precision}; try fp32) "
            "and the corpus' longest rows"
        )


def _log_row(entry: dict[str, Any]) -> dict[str, float]:
    return {key: entry.get(key, 0.0) for key in ("step", "loss", "learning_rate", "grad_norm")}


def _write(model: Any, recipe: SftRecipe, report: TargetReport, log: list[dict[str, float]], out: Path) -> None:
    """The adapter as PEFT reads it, without anything that names a machine or a time."""
    from nemoflow.models.expert_lora import save_adapter

    save_adapter(model, out)
    (out / "README.md").unlink(missing_ok=True)
    path = out / "adapter_config.json"
    config = orjson.loads(path.read_bytes()) | {"base_model_name_or_path": recipe.base_name, "target_modules": report.targets}
    path.write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    (out / "log.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in log))
    (out / "trainable.json").write_bytes(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2))


def need_rows(rows: Rows, max_length: int) -> None:
    """InputError where nothing is left to train on."""
    if not rows.kept:
        why = f"all {rows.dropped} rows are over train.max_length ({max_length} tokens)" if rows.dropped else "it has no rows"
        raise InputError(f"train: nothing to learn from the corpus: {why}")
