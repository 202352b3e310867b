"""The tiny base model of the demo: a NemotronH of a quarter of a million weights, made in a minute on one core.

What it saw: seven rows in eight are drills (single unrelated steps, see drills.py); one in eight is a puzzle of the training side answered
at once with empty thinking. What it never saw: a puzzle worked in steps, and any puzzle or hidden parameter of the held-out side. So it
knows the steps, the prompts and the form of an answer, and gets puzzles wrong; an adapter has to teach it to put steps together.
The drills' operands are drawn freely, so the three digits of a held-out factor may stand in one, without a puzzle around them.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.models.noise import hush_libraries
from nemoflow.prompts.chat import SUFFIX, render_response, user_message
from nemoflow.records import Problem
from nemoflow.training.drills import MOST_STEPS, drill
from nemoflow.training.examples import IGNORED, Row, encode
from nemoflow.training.tokenizer import build_tokenizer, common_phrases

CHECKPOINT = "pretraining.pt"
INITIAL_SPREAD = 0.07
"""Standard deviation of the first weights. At width 96 transformers' own 0.02 needed 40 to 60 more steps of batch 32 to the same loss."""


@dataclass(frozen=True)
class Recipe:
    """Shape and training of the base; names as in the step's config."""

    pattern: str
    hidden: int
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    drill_share: float
    checkpoint_every: int
    threads: int
    seed: int


@dataclass(frozen=True)
class Surroundings:
    """Where checkpoints go, who is told of progress and who may ask to stop."""

    checkpoints: Path
    saved: Callable[[], None]
    advanced: Callable[[int, float], None]
    """Called with the steps that were finished and the loss of the last one."""
    stopping: Callable[[], bool]


@dataclass(frozen=True)
class Student:
    """What was made."""

    parameters: int
    vocabulary: int
    loss: float
    """Mean over the last twenty steps."""


def make_student(problems: Sequence[Problem], recipe: Recipe, around: Surroundings, out: Path) -> Student:
    """Make tokenizer and base from problems of the training side and write them to `out` as `from_pretrained` reads them."""
    import torch

    if not problems:
        raise InputError("make-student: the problems are empty; it needs the training side of make-problems")
    hush_libraries()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    tokenizer = make_tokenizer(problems)
    model = make_model(recipe, tokenizer)
    losses = pretrain(model, tokenizer, problems, recipe, around)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    tail = losses[-20:]
    return Student(sum(weight.numel() for weight in model.parameters()), len(tokenizer), sum(tail) / len(tail))


def make_tokenizer(problems: Sequence[Problem]) -> Any:
    """A tokenizer whose phrases are those of these problems' prompts and of the drills."""
    drills = [drill(Random(index), MOST_STEPS)[0] for index in range(100)]
    return build_tokenizer(
        sorted({phrase for texts in (drills, [problem.statement for problem in problems]) for phrase in common_phrases(texts)} | {SUFFIX})
    )


def make_model(recipe: Recipe, tokenizer: Any) -> Any:
    """An untrained NemotronH of the recipe's shape, in fp32."""
    import torch
    from transformers import NemotronHConfig, NemotronHForCausalLM

    torch.manual_seed(recipe.seed)
    config = NemotronHConfig(
        vocab_size=len(tokenizer),
        hybrid_override_pattern=recipe.pattern,
        hidden_size=recipe.hidden,
        intermediate_size=2 * recipe.hidden,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        mamba_num_heads=4,
        mamba_head_dim=16,
        ssm_state_size=16,
        n_groups=1,
        chunk_size=16,
        expand=1,
        max_position_embeddings=1024,
        initializer_range=INITIAL_SPREAD,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        dtype="float32",
    )
    return NemotronHForCausalLM(config)


def pretrain(model: Any, tokenizer: Any, problems: Sequence[Problem], recipe: Recipe, around: Surroundings) -> list[float]:
    """Train the base in place, from the last checkpoint where there is one; returns the loss of every step.

    Every batch is drawn from the seed and its step number, so a run that was killed and resumed ends with the same weights.
    """
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _cosine(step, recipe))
    losses = _resume(around.checkpoints, model, optimizer, schedule)
    if losses:
        around.advanced(len(losses), losses[-1])
    model.train()
    for step in range(len(losses), recipe.steps):
        batch = _collate(_rows(tokenizer, problems, recipe, step), tokenizer.pad_token_id)
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise ConfigError(
                f"make-student: loss {losses[-1]} at step {step + 1}: no number to learn from; "
                f"make-student.learning_rate ({recipe.learning_rate}) is too high, try a tenth"
            )
        around.advanced(1, losses[-1])
        if (step + 1) % recipe.checkpoint_every == 0 or around.stopping():
            _checkpoint(around.checkpoints, losses, model, optimizer, schedule)
            around.saved()
            if around.stopping():
                raise Stopped(f"make-student: stopped after step {step + 1} of {recipe.steps}; the checkpoint is kept")
    return losses


def _cosine(step: int, recipe: Recipe) -> float:
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)))


def _rows(tokenizer: Any, problems: Sequence[Problem], recipe: Recipe, step: int) -> list[Row]:
    """A step's batch; its drills have the same number of lines, so little is padding."""
    random = Random(f"{recipe.seed}:{step}")
    drills = round(recipe.batch * recipe.drill_share)
    lines = random.randint(1, MOST_STEPS)
    texts = [drill(random, lines) for _ in range(drills)]
    texts += [(problem.statement, "", problem.gold or "") for problem in random.choices(problems, k=recipe.batch - drills)]
    return [encode(tokenizer, user_message(statement), render_response(thinking, answer)) for statement, thinking, answer in texts]


def _collate(rows: Sequence[Row], pad: int) -> dict[str, Any]:
    """Tensors, padded on the right."""
    import torch

    missing = [max(map(len, rows)) - len(row) for row in rows]
    return {
        "input_ids": torch.tensor([row.input_ids + [pad] * gap for row, gap in zip(rows, missing, strict=True)]),
        "labels": torch.tensor([row.labels + [IGNORED] * gap for row, gap in zip(rows, missing, strict=True)]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * gap for row, gap in zip(rows, missing, strict=True)]),
    }


def _checkpoint(folder: Path, losses: list[float], model: Any, optimizer: Any, schedule: Any) -> None:
    """Written beside and renamed, so that a kill leaves the old checkpoint or the new one."""
    import torch

    state = {"losses": losses, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    torch.save(state, folder / f"{CHECKPOINT}.part")
    os.replace(folder / f"{CHECKPOINT}.part", folder / CHECKPOINT)


def _resume(folder: Path, model: Any, optimizer: Any, schedule: Any) -> list[float]:
    """Load the last checkpoint; the losses of the finished steps."""
    import torch

    if not (folder / CHECKPOINT).exists():
        return []
    state = torch.load(folder / CHECKPOINT, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return list(state["losses"])
