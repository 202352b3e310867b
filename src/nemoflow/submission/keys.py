"""What the names of an adapter's tensors say: which module, which side, and how far the name is from what vLLM and PEFT read.

A right key is `base_model.model.` + the module's name + `.lora_A.weight` or `.lora_B.weight`, on embeddings `.lora_embedding_A` or `_B`.
NemotronH's modules are called `model.layers.N...` by transformers and `backbone.layers.N...` on disk; vLLM maps the second to the
first, so both load. Wrappers of training (DDP, FSDP, torch.compile), adapters' names and other programs' words for A and B are recognised.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nemoflow.submission.base import EMBEDDINGS, ROUTERS, BaseModules

PREFIX = "base_model.model."
Side = Literal["A", "B"]

WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
_SIDES: dict[str, Side] = {
    "lora_A": "A", "lora_a": "A", "lora_down": "A", "linear_in": "A", "lora_embedding_A": "A",
    "lora_B": "B", "lora_b": "B", "lora_up": "B", "linear_out": "B", "lora_embedding_B": "B",
}  # fmt: skip
_EXACT = re.compile(r"base_model\.model\.(?P<module>.+)\.(?:lora_(?P<side>[AB])\.weight|lora_embedding_(?P<embedding>[AB]))")
_LOOSE = re.compile(rf"(?P<module>.+?)\.(?P<side>{'|'.join(_SIDES)})(?:\.(?P<name>[^.]+))?(?:\.weight)?")
_FOREIGN = re.compile(
    r"\.linear_(qkv|proj|fc1|fc2)\b|\.adapter$|^lora_(te|unet|transformer)\w*_layers_\d+_|\.(attention\.w[qkvo]|feed_forward\.w[123])$"
)
"""Modules as Megatron, kohya's scripts and Meta's own checkpoints call them."""
_JOINED: Mapping[str, tuple[str, ...]] = {
    "qkv_proj": ("q_proj", "k_proj", "v_proj"),
    "gate_up_proj": ("gate_proj", "up_proj"),
}
_FUSED = re.compile(r"\.experts(\.(base_layer|w[123]|up_proj|down_proj|gate_proj|gate_up_proj))?$")
_WRAPPED = re.compile(r"base_model\.model\.(?P<path>.+\.experts)(?P<inner>\.base_layer)?\.lora_(?P<side>[AB])\.weight")
_EACH = re.compile(r"\.experts\.\w+?_lora_[AB]$")
"""One tensor for all experts' matrices of a name, as this package's own checkpoints hold them."""
_COPIES = (".embed_tokens.base_layer.weight", ".lm_head.base_layer.weight")
"""vLLM passes over names that end so; PEFT saves them where the embedding or the head is adapted."""


@dataclass(frozen=True)
class Place:
    """Where a tensor belongs."""

    module: str
    side: Side
    rule: str = ""
    """The rule that its name breaks, if any."""


def place_of(name: str, base: BaseModules) -> Place | str:
    """Module and side of a tensor; the id of a rule where it has none."""
    exact = _EXACT.fullmatch(name)
    if exact is None:
        return _recovered(name, base)
    module = base.family.module(exact["module"])
    side: Side = "A" if (exact["side"] or exact["embedding"]) == "A" else "B"
    if _FUSED.search(module):
        return "fused-experts"
    if is_skipped(module):
        return "skipped-layer"
    is_embedding = module.rpartition(".")[2] in EMBEDDINGS
    if is_embedding == bool(exact["side"]):
        return "extra-tensor"
    if module in base.shapes:
        return Place(module, side)
    placed = base.placed(_unwrapped(module))
    return Place(placed, side, "prefix") if placed else Place(module, side, _stranger(module, base))


def key_of(module: str, side: Side) -> str:
    """The right name."""
    if module.rpartition(".")[2] in EMBEDDINGS:
        return f"{PREFIX}{module}.lora_embedding_{side}"
    return f"{PREFIX}{module}.lora_{side}.weight"


def parts_of(module: str, base: BaseModules) -> tuple[str, ...]:
    """The base model's matrices that a module of another layout joins, such as `qkv_proj`; none for any other."""
    parent, _, last = module.rpartition(".")
    parts = tuple(f"{parent}.{part}" for part in _JOINED.get(last, ()))
    return parts if all(part in base.shapes for part in parts) else ()


def stack_of(name: str, base: BaseModules) -> tuple[str, str, Side] | None:
    """Path, matrix and side of a tensor for all experts of a layer, as vLLM reads it: PEFT puts the second matrix's around the first's."""
    match = _WRAPPED.fullmatch(name)
    if match is None:
        return None
    part = "gate_up_proj" if match["inner"] else "down_proj"
    return base.family.module(match["path"]), part, "A" if match["side"] == "A" else "B"


def is_skipped(module: str) -> bool:
    """Layers that predict several tokens ahead: vLLM leaves them out of LoRA (`lora_skip_prefixes`)."""
    return module.startswith("mtp.") or ".mtp." in module


def _recovered(name: str, base: BaseModules) -> Place | str:
    if name.endswith(_COPIES):
        return "base-copy"
    if _EACH.search(name):
        return "fused-experts"
    if "lora_magnitude_vector" in name:
        return "magnitude"
    if name.endswith(".bias"):
        return "bias-tensor"
    loose = _LOOSE.fullmatch(name)
    if loose is None:
        return "extra-tensor"
    module = base.family.module(_unwrapped(loose["module"]).removeprefix(PREFIX))
    if _FUSED.search(module):
        return "fused-experts"
    side = _SIDES[loose["side"]]
    placed = module if module in base.shapes else base.placed(module)
    if placed is None:
        return Place(module, side, _stranger(module, base))
    if ("embedding" in loose["side"]) != (placed.rpartition(".")[2] in EMBEDDINGS):
        return "extra-tensor"
    return Place(placed, side, _misname(name))


def _unwrapped(module: str) -> str:
    return ".".join(part for part in module.split(".") if part not in WRAPPERS)


def _misname(name: str) -> str:
    return "prefix" if re.search(r"\.lora_[AB]\.weight$", name) else "key-name"


def _stranger(module: str, base: BaseModules) -> str:
    if module not in base.others:
        if parts_of(module, base):
            return "fused-projections"
        return "foreign-names" if _FOREIGN.search(module) else "module-unknown"
    return "router" if module.rpartition(".")[2] in ROUTERS else "unserved"
