"""Rules for `adapter_config.json`: what vLLM's PEFT reader demands, refuses, or passes over in silence.

The reader is vLLM's `PEFTHelper`: it knows r, lora_alpha, target_modules, bias, modules_to_save, use_rslora and use_dora, and
ignores every other field. An ignored field that changes what the adapter computes is refused here, because such an adapter
would load and score as another one.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nemoflow.errors import SubmissionError

CONFIG = "adapter_config.json"

REQUIRED = ("r", "lora_alpha", "target_modules")

REFUSED = {
    "modules_to_save": "vLLM loads no fully trained modules; use LoRA on them (lm_head takes it)",
    "use_dora": "vLLM's reader refuses DoRA; train plain LoRA",
}

IGNORED = {
    "rank_pattern": "vLLM ignores it, so modules with a rank of their own would be scaled wrongly; use one rank everywhere",
    "alpha_pattern": "vLLM ignores it, so modules with an alpha of their own would be scaled wrongly; fold the scale into lora_B",
    "lora_bias": "vLLM ignores it and drops the biases of lora_B",
    "target_parameters": "stacked 3-D experts fail or load wrongly in vLLM; write one lora_A and lora_B an expert",
    "trainable_token_indices": "vLLM ignores it and drops the trained tokens",
    "layer_replication": "vLLM ignores it and runs the base model's own layers",
    "use_qalora": "vLLM ignores it and reads the pooled lora_A as a plain one",
    "use_bdlora": "vLLM ignores it and reads the block-diagonal factors as plain ones",
    "fan_in_fan_out": "it is for transposed Conv1D weights, which none of the known models has",
}

RESIDUAL_INITS = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Starts that change the base model's own weights: the adapter is only right on those changed weights."""


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """The config of an adapter's folder; SubmissionError where it is missing or no JSON object."""
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SubmissionError(f"{path}: no such file; an adapter as PEFT saves it was expected") from None
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise SubmissionError(f"{path}: is a JSON {type(config).__name__}, an object was expected")
    return config


def config_violations(config: Mapping[str, Any], max_rank: int) -> Iterator[str]:
    """Every rule that the config breaks, each with the field, its value and what would be right."""
    for name in REQUIRED:
        if name not in config:
            yield f"{CONFIG}: {name}: missing; vLLM's reader requires {', '.join(REQUIRED)}"
    yield from _rank_violations(config.get("r", 1), max_rank)
    yield from _alpha_violations(config.get("lora_alpha", 1))
    yield from _target_violations(config.get("target_modules", ["q_proj"]))
    if config.get("peft_type", "LORA") != "LORA":
        yield f"{CONFIG}: peft_type: the contest loads 'LORA' only, got {config['peft_type']!r}"
    if config.get("bias", "none") != "none":
        yield f"{CONFIG}: bias: vLLM loads no trained biases; 'none' was expected, got {config['bias']!r}"
    if type(config.get("use_rslora", False)) is not bool:
        yield f"{CONFIG}: use_rslora: true or false was expected, got {config['use_rslora']!r}"
    for name, why in (*REFUSED.items(), *IGNORED.items()):
        if config.get(name):
            yield f"{CONFIG}: {name}: {why}; got {config[name]!r}"


def config_warnings(config: Mapping[str, Any]) -> Iterator[str]:
    """What loads, but is worth a look."""
    targets = config.get("target_modules")
    if isinstance(targets, str):
        yield f"target_modules is a pattern, {targets!r}; one competitor's byte-identical weights scored 0.02 higher with an explicit list"
    base = config.get("base_model_name_or_path")
    if isinstance(base, str) and base.startswith(("/", "~", ".")):
        yield f"base_model_name_or_path is a path of one machine, {base!r}; it is cosmetic, the package step can write the hub's name"
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(RESIDUAL_INITS):
        yield f"init_lora_weights is {start!r}, which changes the base model's weights: convert the adapter before it is submitted"


def scaling(config: Mapping[str, Any]) -> float:
    """The factor that vLLM puts on B A: alpha / r, or alpha / sqrt(r) with rank-stabilised LoRA."""
    rank = int(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _rank_violations(rank: Any, max_rank: int) -> Iterator[str]:
    if type(rank) is not int:
        yield f"{CONFIG}: r: a whole number from 1 to {max_rank} was expected, got {rank!r}"
    elif rank < 1:
        yield f"{CONFIG}: r: must be at least 1 (0 divides by zero, a negative rank turns the adapter's sign), got {rank}"
    elif rank > max_rank:
        yield f"{CONFIG}: r: vLLM is started with max_lora_rank {max_rank} and refuses more, got {rank}"


def _alpha_violations(alpha: Any) -> Iterator[str]:
    # Compared as it is: a whole number of JSON may be too large to become a float.
    if type(alpha) not in (int, float) or not 0 < alpha <= sys.float_info.max:
        yield f"{CONFIG}: lora_alpha: a number above 0 was expected, got {alpha!r}"


def _target_violations(targets: Any) -> Iterator[str]:
    is_pattern = isinstance(targets, str) and bool(targets)
    is_names = isinstance(targets, list) and bool(targets) and all(isinstance(name, str) for name in targets)
    if not (is_pattern or is_names):
        yield f"{CONFIG}: target_modules: a list of module names was expected, got {targets!r}"
