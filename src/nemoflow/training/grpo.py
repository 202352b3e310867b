"""Reinforcement of an adapter by group-relative policy optimisation (GRPO, arXiv 2402.03300): TRL's GRPOTrainer on verified prompts.

Each step asks some prompts, a group of samples each; what a sample's reward is above its group's mean decides how its tokens are pushed.
Prompts come in a fixed order and none is drawn by the trainer, a step's samples are drawn within the step, and a checkpoint holds the
random state: so a run that was killed goes on with the same prompts and samples and ends with the same bytes.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nemoflow.errors import InputError
from nemoflow.models.noise import hush_libraries
from nemoflow.prompts.chat import user_message
from nemoflow.prompts.render import render_prefix
from nemoflow.prompts.stops import stops_of
from nemoflow.training.course import LIVE, Surroundings, go_through, lay_out_checkpoints, with_one_gpu
from nemoflow.training.gpus import need_compiler
from nemoflow.training.grpo_watch import PolicyWatched, make_policy_watch, policy_row
from nemoflow.training.live import LiveLog
from nemoflow.training.result import Chosen, write_adapter
from nemoflow.training.reward import PARTS, Scores, reward_functions
from nemoflow.training.sft import load_base
from nemoflow.training.snapshots import hold_in_fp32, put_back, trained
from nemoflow.training.targets import TargetReport, report_targets


@dataclass(frozen=True)
class Ask:
    """A prompt and what its answer is verified against."""

    statement: str
    gold: str


@dataclass(frozen=True)
class GrpoRecipe:
    """Every choice of a run; names as in the step's config."""

    steps: int
    prompts: int
    samples: int
    micro_batch: int
    max_new_tokens: int
    temperature: float
    top_p: float
    beta: float
    loss: str
    scale: str
    weights: Mapping[str, float]
    learning_rate: float
    schedule: str
    warmup: float
    adam_beta2: float
    max_grad_norm: float
    precision: Literal["bf16", "fp32"]
    quantization: Literal["nf4", "none"]
    activation_checkpointing: bool
    checkpoint_every: int
    threads: int
    seed: int
    base_name: str


@dataclass(frozen=True)
class GrpoResult:
    """What came of it."""

    log: list[dict[str, float]]
    """A row a step: reward and its parts (means over the step's samples), loss, tokens and share cut off; nothing of the clock."""
    report: TargetReport
    watched: Path
    """The live log, with seconds."""

    def mean_of(self, name: str, *, first: bool) -> float:
        """Mean of a figure over the first or last tenth of the steps."""
        count = max(1, len(self.log) // 10)
        rows = self.log[:count] if first else self.log[-count:]
        return sum(row[name] for row in rows) / len(rows)


def reinforce_adapter(base: Path, adapter: Path, asks: Sequence[Ask], recipe: GrpoRecipe, around: Surroundings, out: Path) -> GrpoResult:
    """Push an adapter towards reward on `steps x prompts` asks, in their order, and write it to `out`; from the last whole checkpoint."""
    import torch
    from transformers import AutoTokenizer

    need_compiler()
    hush_libraries()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    with warnings.catch_warnings():
        # as in sft.py: PEFT and TRL ask for activation checkpointing by the name that transformers is about to drop
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
        model = _with_adapter(load_base(base, recipe.precision, recipe.quantization), base, adapter)
        report = report_targets(model, _targets(model))
        for line in report.lines():
            around.noted(line)
        history = _fit(model, tokenizer, asks, recipe, around)
        if "ref" in model.peft_config:
            model.delete_adapter("ref")
        log = [policy_row(entry) for entry in history]
        write_adapter(model, Chosen(trained(model)), recipe.base_name, report, log, out, None)
    return GrpoResult(log, report, around.checkpoints / LIVE)


def need_same_prefix(tokenizer: Any, statement: str) -> None:
    """InputError where the trainer's way to a prompt's ids is not the one that training and evaluation take."""
    ours = tokenizer.encode(render_prefix(tokenizer, user_message(statement)), add_special_tokens=False)
    theirs = tokenizer.apply_chat_template(_turns(statement), add_generation_prompt=True, enable_thinking=True)["input_ids"]
    if list(theirs) != list(ours):
        raise InputError(
            f"{tokenizer.name_or_path}: its chat template gives other ids when it tokenizes itself ({theirs[:8]}...) than the text of the "
            f"prompt ({ours[:8]}...); a template whose special tokens are those of the text is right"
        )


def _turns(statement: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": user_message(statement)}]


def _with_adapter(model: Any, base: Path, adapter: Path) -> Any:
    """The adapter on its base, to be trained on; its config names the base's folder, or PEFT asks the hub for the name it has."""
    from peft import PeftConfig, PeftModel

    from nemoflow.models.expert_lora import holds_experts

    if holds_experts(adapter):
        raise InputError("reinforce: the adapter holds routed experts, which this step cannot go on from; train without train.experts")
    config = PeftConfig.from_pretrained(adapter)
    config.base_model_name_or_path, config.inference_mode = str(base), False
    model = PeftModel.from_pretrained(model, adapter, config=config, is_trainable=True)
    hold_in_fp32(model)
    return model


def _targets(model: Any) -> list[str]:
    return sorted(model.peft_config["default"].target_modules)


def _fit(model: Any, tokenizer: Any, asks: Sequence[Ask], recipe: GrpoRecipe, around: Surroundings) -> list[dict[str, Any]]:
    from datasets import Dataset
    from trl import GRPOTrainer

    need_same_prefix(tokenizer, asks[0].statement)
    stops = stops_of(tokenizer, model.generation_config.eos_token_id)
    model.generation_config.eos_token_id = list(stops)
    partial, complete = lay_out_checkpoints(around.checkpoints)
    watch = make_policy_watch(
        PolicyWatched(complete, LiveLog(around.checkpoints / LIVE), around.saved, around.started, around.advanced, around.stopping)
    )
    handed_in = trained(model)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward_functions(Scores(tokenizer, recipe.max_new_tokens, stops), recipe.weights, recipe.samples),
        args=_arguments(recipe, partial),
        train_dataset=Dataset.from_list([{"prompt": _turns(ask.statement), "statement": ask.statement, "gold": ask.gold} for ask in asks]),
        processing_class=tokenizer,
    )
    hold_in_fp32(model)
    put_back(model, handed_in)  # they were rounded on the way
    return go_through(trainer, watch, around.checkpoints, "reinforce")


def _arguments(recipe: GrpoRecipe, output: Path) -> Any:
    import torch
    from trl import GRPOConfig

    arguments = GRPOConfig(
        output_dir=str(output),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.micro_batch,
        gradient_accumulation_steps=recipe.prompts * recipe.samples // recipe.micro_batch,
        num_generations=recipe.samples,
        max_completion_length=recipe.max_new_tokens,
        temperature=recipe.temperature,
        top_p=recipe.top_p,
        chat_template_kwargs={"enable_thinking": True},
        shuffle_dataset=False,
        disable_dropout=True,
        beta=recipe.beta,
        loss_type=recipe.loss,
        scale_rewards=recipe.scale,
        reward_weights=[recipe.weights[name] for name in PARTS],
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        adam_beta2=recipe.adam_beta2,
        max_grad_norm=recipe.max_grad_norm,
        bf16=recipe.precision == "bf16",
        activation_checkpointing=recipe.activation_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        seed=recipe.seed,
        dataloader_pin_memory=False,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=recipe.checkpoint_every,
        report_to=[],
        disable_tqdm=True,
    )
    return with_one_gpu(arguments)
