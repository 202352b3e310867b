"""Rules for `adapter_config.json`: what vLLM's PEFT reader demands, refuses, or passes over in silence.

The reader is vLLM's `PEFTHelper`. In 0.17 it knows r, lora_alpha, target_modules, bias, modules_to_save, use_rslora and use_dora, and
ignores every other field. An ignored field that changes what the adapter computes is refused here, because such an adapter
would load and score as another one.
"""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nemoflow.submission.base import expert_path
from nemoflow.submission.patterns import PatternError, matched
from nemoflow.submission.rules import Finding, found

CONFIG = "adapter_config.json"
MAX_CONFIG_BYTES = 1 << 24
"""12,010 module names in full take 1 MB."""
REQUIRED = ("r", "lora_alpha", "target_modules")

REFUSED = {
    "modules_to_save": "modules-to-save",
    "use_dora": "dora",
    "lora_bias": "lora-bias",
    "trainable_token_indices": "trained-tokens",
    "layer_replication": "layer-replication",
    "alora_invocation_tokens": "activated",
    "use_qalora": "other-lora",
    "use_bdlora": "other-lora",
    "velora_config": "other-lora",
    "monteclora_config": "other-lora",
    "arrow_config": "other-lora",
    "kasa_config": "other-lora",
    "fan_in_fan_out": "fan-in-fan-out",
}
"""Fields that break a rule where they are set."""

RESIDUAL_INITS = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Starts that change the base model's own weights: the adapter is only right on those changed weights."""

KNOWN = frozenset(
    {*REQUIRED, *REFUSED}
    | {"bias", "use_rslora", "rank_pattern", "alpha_pattern", "target_parameters", "init_lora_weights", "peft_type", "task_type"}
    | {"base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version", "exclude_modules", "lora_dropout"}
    | {"layers_to_transform", "layers_pattern", "megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config"}
    | {"lora_ga_config", "qalora_group_size", "runtime_config", "ensure_weight_tying"}
)
"""Fields of PEFT 0.21's LoraConfig."""


def parse_config(content: bytes) -> tuple[dict[str, Any], list[Finding]]:
    """The config and what is wrong with the file itself; ({}, [refusal]) where vLLM could not read it."""
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    if len(content) > MAX_CONFIG_BYTES:
        return {}, [found("config-json", CONFIG, f"has {len(content):,} bytes, at most {MAX_CONFIG_BYTES:,} were expected")]
    try:
        config = json.loads(content.decode(), object_pairs_hook=members)
    except (ValueError, RecursionError) as error:
        return {}, [found("config-json", CONFIG, f"not valid JSON: {error}")]
    if not isinstance(config, dict):
        return {}, [found("config-json", CONFIG, f"is a JSON {type(config).__name__}, an object was expected")]
    return config, [found("field-twice", name, "is there more than once") for name in dict.fromkeys(twice)]


def config_findings(config: Mapping[str, Any], max_rank: int) -> Iterator[Finding]:
    """Every rule that the config breaks by itself."""
    kind = config.get("peft_type")
    if kind is None:
        yield found("peft-type-name", "peft_type", "missing", severity="risk")
    elif is_lora(kind):
        yield from [] if kind == "LORA" else [found("peft-type-name", "peft_type", shown(kind))]
    else:
        # Its other fields are those of another kind of adapter.
        yield found("peft-type", "peft_type", shown(kind))
        return
    missing = [name for name in REQUIRED if name not in config]
    if missing:
        yield found("field-missing", missing, "missing")
    yield from _rank(config.get("r", 1), max_rank)
    yield from _alpha(config.get("lora_alpha", 1))
    if not (config.get("target_parameters") and config.get("target_modules", ()) in (None, [])):
        yield from _targets(config.get("target_modules", ["q_proj"]))
    if (bias := config.get("bias", "none")) != "none":
        yield found("bias", "bias", shown(bias))
    if type(config.get("use_rslora", False)) is not bool:
        yield found("rslora", "use_rslora", shown(config["use_rslora"]))
    for name, rule in REFUSED.items():
        if config.get(name):
            yield found(rule, name, shown(config[name]))
    yield from _start(config.get("init_lora_weights"))
    yield from _cosmetic(config)


class Scales:
    """The ranks, and the factors on B A, that PEFT gives modules."""

    def __init__(self, config: Mapping[str, Any], modules: Iterable[str]) -> None:
        self.config = config
        self.problems: dict[str, str] = {}
        """`rank_pattern` or `alpha_pattern` -> what PEFT would end with an error for; such a pattern counts as none."""
        names = list(modules)
        self._ranks = self._read("rank_pattern", names)
        self._alphas = self._read("alpha_pattern", names)

    def rank(self, module: str) -> Any:
        """A module's rank."""
        rank = self._ranks.get(module)
        return self.config.get("r") if rank is None else rank

    def scale(self, module: str) -> float:
        """The factor on a module's B A."""
        alpha = self._alphas.get(module)
        return _scale(self.config, self.rank(module), self.config.get("lora_alpha") if alpha is None else alpha)

    def _read(self, field: str, names: list[str]) -> dict[str, Any]:
        pattern = self.config.get(field) or {}
        kinds: tuple[type, ...] = (int,) if field == "rank_pattern" else (int, float)
        try:
            found = matched(pattern, names)
        except PatternError as error:
            self.problems[field] = f"{shown(pattern)} {error}"
            return {}
        odd = next((key for key, value in pattern.items() if type(value) not in kinds), None)
        if odd is None:
            return found
        self.problems[field] = f"{shown(odd)}: {shown(pattern[odd])}; a number was expected"
        return {}


def pattern_findings(config: Mapping[str, Any], scales: Scales, modules: Iterable[str]) -> Iterator[Finding]:
    """`rank_pattern` and `alpha_pattern`, where they give a module another scale than vLLM's, or experts ranks that vLLM cannot stack."""
    names, common = list(modules), scaling(config)
    for field, problem in scales.problems.items():
        yield found("pattern", field, problem)
    for field, rule in (("rank_pattern", "rank-pattern"), ("alpha_pattern", "alpha-pattern")):
        pattern = config.get(field)
        if not pattern or field in scales.problems:
            continue
        other = [name for name in names if scales.scale(name) != common or _is_uneven(config, scales, name)]
        yield found(rule, [field, *other], shown(pattern)) if other or not names else found("pattern-idle", field, shown(pattern))


def scaling(config: Mapping[str, Any]) -> float:
    """The factor that vLLM puts on B A: alpha / r, or alpha / sqrt(r) with rank-stabilised LoRA. NaN where the config gives none."""
    return _scale(config, config.get("r"), config.get("lora_alpha"))


def shown(value: Any) -> str:
    """A value of JSON, not too long."""
    text = repr(value)
    return text if len(text) <= 90 else f"{text[:84]} ..."


def is_lora(kind: Any) -> bool:
    """`lora`, or the way that Python prints PEFT's enumeration, among them."""
    return isinstance(kind, str) and kind.upper().removeprefix("PEFTTYPE.") == "LORA"


def _is_uneven(config: Mapping[str, Any], scales: Scales, module: str) -> bool:
    """VLLM stacks the experts of a layer, whose ranks must be alike."""
    return expert_path(module) is not None and scales.rank(module) != config.get("r")


def _scale(config: Mapping[str, Any], rank: Any, alpha: Any) -> float:
    try:
        return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") is True else float(rank))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return math.nan


def _rank(rank: Any, max_rank: int) -> Iterator[Finding]:
    if type(rank) is not int or not 1 <= rank <= max_rank:
        yield found("rank", "r", f"{shown(rank)}; a whole number from 1 to {max_rank} was expected")


def _alpha(alpha: Any) -> Iterator[Finding]:
    # Compared as it is: a whole number of JSON may be too large to become a float.
    if type(alpha) not in (int, float) or not 0 < alpha <= sys.float_info.max:
        yield found("alpha", "lora_alpha", f"{shown(alpha)}; a number above 0 was expected")


def _targets(targets: Any) -> Iterator[Finding]:
    is_pattern = isinstance(targets, str) and bool(targets)
    is_names = isinstance(targets, list) and bool(targets) and all(isinstance(name, str) for name in targets)
    if not (is_pattern or is_names):
        yield found("targets", "target_modules", f"{shown(targets)}; a list of module names was expected")
    elif is_pattern:
        yield found("target-pattern", "target_modules", shown(targets))


def _start(start: Any) -> Iterator[Finding]:
    if not isinstance(start, str):
        return
    if start.lower().startswith(RESIDUAL_INITS):
        yield found("residual-init", "init_lora_weights", shown(start))


def _cosmetic(config: Mapping[str, Any]) -> Iterator[Finding]:
    base = config.get("base_model_name_or_path")
    if isinstance(base, str) and re.match(r"[/~.\\]|[A-Za-z]:[\\/]", base):
        yield found("base-path", "base_model_name_or_path", shown(base))
    if (task := config.get("task_type")) not in (None, "CAUSAL_LM"):
        yield found("task-type", "task_type", shown(task))
    unknown = [name for name in config if name not in KNOWN]
    if unknown:
        yield found("field-unknown", unknown, shown(config[unknown[0]]))
