"""What the names of an adapter's tensors say: which module, which side, and how far the name is from what vLLM and PEFT read.

A right key is `base_model.model.` + the module's name + `.lora_A.weight` or `.lora_B.weight`, on embeddings `.lora_embedding_A` or `_B`.
NemotronH's modules are called `model.layers.N...` by transformers and `backbone.layers.N...` on disk; vLLM maps the second to the
first, so both load. Wrappers of training (DDP, FSDP, torch.compile), adapters' names and other programs' words for A and B are recognised.
"""

import re
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
_FUSED = re.compile(r"\.experts(\.(base_layer|w[123]|up_proj|down_proj|gate_proj|gate_up_proj))?$")
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
        return "module-unknown"
    return "router" if module.rpartition(".")[2] in ROUTERS else "unserved"
