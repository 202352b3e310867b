"""Which modules LoRA adapts: resolved against the loaded model, checked and reported before a step is trained.

NemotronH has no `gate_proj`; PEFT refuses `out_proj` and `conv1d` on models with mamba layers, because the fused kernel reads
their weights directly and would bypass the adapter; its routed experts are stacked parameters, not Linear modules: `train.experts` adapts
them, and without it they stay as they are.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nemoflow.errors import ConfigError

AUTO: Literal["auto"] = "auto"
REFUSED_BY_PEFT = frozenset({"out_proj", "conv1d"})
"""On every model type with mamba layers that PEFT knows (its `_check_lora_target_modules_mamba`)."""
STACKED_EXPERTS = "_proj_lora_"
"""What the names of an adapter's stacked tensors on experts hold."""
WITH_MAMBA = frozenset({"falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h"})
LIKE_QWEN2_MOE = frozenset(
    {
        *("afmoe", "cohere2_moe", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots1", "ernie4_5_moe", "exaone_moe", "flex_olmo"),
        *("glm4_moe", "glm4_moe_lite", "glm_moe_dsa", "glm4v_moe", "hunyuan_v1_moe", "longcat_flash", "mellum", "olmoe", "qwen3_moe"),
        *("qwen3_next", "qwen3_omni_moe", "qwen3_omni_moe_thinker", "qwen3_omni_moe_text", "solar_open", "beam"),
    }
)
LIKE_MIXTRAL = frozenset({"mixtral", "minimax", "minimax_m2"})
"""Types of which PEFT 0.21 takes some names for the routed experts (its `_convert_peft_config_moe`): Linear modules of these names, such
as those of shared experts and dense layers, get no adapter, and the experts get one that no runtime reads."""
TOWERS = r"(?:.+\.)?(?:vision_tower|vision_model|visual|audio_tower|embed_vision|embed_audio|multi_modal_projector)\..+"
"""Paths of modules that no row of text reaches."""


@dataclass(frozen=True)
class Refusal:
    """Names that do not become adapters on the modules of a model."""

    names: frozenset[str]
    says: str
    on_others: bool = True
    """PEFT puts them on something that is no Linear module, so `all-linear` and expressions go wrong too."""


_MAMBA = Refusal(REFUSED_BY_PEFT, "are refused by PEFT on {}, whose fused mamba kernel would bypass them", on_others=False)
_ROUTED = "are taken by PEFT for the routed experts and routers of {}, not for Linear modules of these names"
_REFUSALS = {
    **dict.fromkeys(WITH_MAMBA, _MAMBA),
    **dict.fromkeys(LIKE_QWEN2_MOE, Refusal(frozenset({"gate", "gate_proj", "up_proj", "down_proj"}), _ROUTED)),
    **dict.fromkeys(LIKE_MIXTRAL, Refusal(frozenset({"gate", "w1", "w2", "w3"}), _ROUTED)),
    **dict.fromkeys(
        ("llama4", "llama4_text", "phimoe"),
        Refusal(frozenset({"router"}), "are no targets on {}: its router gives two answers, of which PEFT's layer knows one"),
    ),
}


def refusal_of(model_type: str) -> Refusal:
    """What of this type of model no adapter can be put on by its name."""
    return _REFUSALS.get(model_type, Refusal(frozenset(), "", on_others=False))


@dataclass(frozen=True)
class TargetReport:
    """What LoRA adapts and how the model is held; written beside the adapter as `trainable.json`."""

    model_type: str
    targets: list[str]
    modules: dict[str, int]
    """Matched modules by name."""
    skipped: dict[str, int]
    """Linear modules by name that stay as they are."""
    parameters: int
    trainable: int
    quantised: int
    """Parameters of the base held in 4 bits."""
    routed: int = 0
    """Parameters of the base's routed experts, which are stacked and no modules of their own."""
    routed_quantised: int = 0
    """Of those, held in 4 bits."""
    routed_trainable: int = 0
    """Trainable parameters on them."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a reader, before training starts."""
        matched = ", ".join(f"{name} x{count}" for name, count in sorted(self.modules.items()))
        skipped = ", ".join(f"{name} x{count}" for name, count in sorted(self.skipped.items())) or "none"
        return [
            f"LoRA on {sum(self.modules.values())} modules of {self.model_type}: {matched}; left as they are: {skipped}",
            f"{self.parameters:,} parameters, {self.trainable:,} trainable, {self.quantised:,} in 4 bits",
            *self._of_experts(),
        ]

    def _of_experts(self) -> list[str]:
        if not self.routed:
            return []
        trained = f"{self.routed_trainable:,} trainable on them" if self.routed_trainable else "not adapted"
        return [f"routed experts: {self.routed:,} of the parameters, {self.routed_quantised:,} of those in 4 bits, {trained}"]


def linear_names(model: Any) -> Counter[str]:
    """Names of the model's Linear modules (last part of their path) and how many there are of each; without the head and TOWERS."""
    import torch

    head = model.get_output_embeddings()
    return Counter(
        path.rpartition(".")[2]
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head and not re.fullmatch(TOWERS, path)
    )


def towers_of(model: Any) -> str | None:
    """What PEFT is told to leave out of a model that also sees or hears; None where there is nothing of the kind."""
    return TOWERS if any(re.fullmatch(TOWERS, path) for path, _ in model.named_modules()) else None


def is_target(name: str, refusal: Refusal) -> bool:
    """Whether `auto` takes the name; a number is also that of a layer, on which PEFT would end."""
    return name not in refusal.names and not name.isdigit()


def resolve_targets(model: Any, wanted: Literal["auto"] | Sequence[str]) -> list[str]:
    """Sorted names to adapt: all that PEFT takes for `auto`; a name that matches nothing or is refused is a ConfigError.

    Example: `resolve_targets(model, "auto")` gives in_proj, k_proj, o_proj, q_proj, v_proj and where present up_proj, down_proj.
    """
    there = linear_names(model)
    kind = model.config.model_type
    refusal = refusal_of(kind)
    accepted = sorted(name for name in there if is_target(name, refusal))
    if wanted == AUTO:
        if not accepted:
            raise ConfigError(f"train.targets: 'auto' found no Linear module in the model ({kind})")
        return accepted
    names = sorted(set(wanted))
    unknown = [name for name in names if name not in accepted]
    if unknown or not names:
        why = refusal.says.format(kind) if set(unknown) & refusal.names else "no such Linear module"
        raise ConfigError(f"train.targets: {unknown} match nothing in {kind} ({why}); there are: {', '.join(accepted)}; or 'auto'")
    return names


def resolve_experts(model: Any) -> list[str]:
    """Paths of the experts modules to adapt; ConfigError where the model has none whose adapter the runtime would read."""
    from nemoflow.models.expert_lora import adaptable

    found = sorted(adaptable(model))
    if not found:
        raise ConfigError(
            f"train.experts: {model.config.model_type} has no routed experts that take an adapter; nemotron_h with E layers has"
        )
    return found


def report_targets(model: Any, targets: Sequence[str]) -> TargetReport:
    """Counts on a model that LoRA was put on."""
    adapted = Counter(path.removesuffix(".base_layer").rpartition(".")[2] for path in _adapted(model))
    routed = [weight for experts in _routed(model) for weight in experts.parameters(recurse=False)]
    on_experts = _matrices(model)
    everything = linear_names(model.get_base_model())
    skipped = {name: count for name, count in everything.items() if name not in targets and not _is_lora(name)}
    return TargetReport(
        model_type=model.config.model_type,
        targets=sorted({*targets, *(name.rpartition(".")[2] for name in on_experts)}),
        modules=dict(sorted({**adapted, **on_experts}.items())),
        skipped=dict(sorted(skipped.items())),
        parameters=sum(_count(weight) for name, weight in model.named_parameters() if "lora_" not in name),
        trainable=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        quantised=sum(_count(weight) for weight in model.parameters() if _is_quantised(weight)),
        routed=sum(_count(weight) for weight in routed),
        routed_quantised=sum(_count(weight) for weight in routed if _is_quantised(weight)),
        routed_trainable=sum(
            weight.numel() for name, weight in model.named_parameters() if weight.requires_grad and STACKED_EXPERTS in name
        ),
    )


def _routed(model: Any) -> list[Any]:
    from nemoflow.models.experts import is_routed

    return [module for module in model.modules() if is_routed(module)]


def _matrices(model: Any) -> dict[str, int]:
    """Matrices of routed experts with an adapter, by name: `experts.up_proj` 2,944 in Nemotron-3-Nano."""
    from nemoflow.models.expert_lora import ExpertLora, projections

    counts: Counter[str] = Counter()
    for module in model.modules():
        if isinstance(module, ExpertLora):
            counts.update({f"experts.{part}": module.base_layer.num_experts for part in projections(module.base_layer)})
    return dict(counts)


def _adapted(model: Any) -> list[str]:
    from peft.tuners.lora import LoraLayer

    return [path for path, module in model.named_modules() if isinstance(module, LoraLayer)]


def _is_lora(name: str) -> bool:
    return name in ("base_layer", "default")


def _is_quantised(weight: Any) -> bool:
    return type(weight).__name__ == "Params4bit"


def _count(weight: Any) -> int:
    """Weights that a parameter stands for; a 4-bit one packs two into a byte."""
    return int(weight.quant_state.shape.numel()) if _is_quantised(weight) else int(weight.numel())
