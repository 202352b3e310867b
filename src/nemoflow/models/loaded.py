"""What transformers makes of the names on disk: some are renamed when a model is loaded, and some tensors are left out.

The facts are those of transformers 5.23 (`conversion_mapping.py`, and what its models leave out); tests hold them with tiny models of each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from nemoflow.models.families import FAMILIES


@dataclass(frozen=True)
class Reading:
    """How one `model_type` that is no family here is read."""

    renamed: tuple[tuple[str, str], ...]
    """Patterns, and what stands in their place in the loaded model."""
    left_out: str = ""
    """Pattern of what is not loaded for text alone, such as a vision tower."""


_MIXTRAL = Reading(((r"\.block_sparse_moe\.", ".mlp."),))
_GRANITE = Reading(
    (
        (r"\.block_sparse_moe\.input_linear\.weight$", ".block_sparse_moe.experts.gate_up_proj"),
        (r"\.block_sparse_moe\.output_linear\.weight$", ".block_sparse_moe.experts.down_proj"),
        (r"\.router\.layer\.", ".router."),
    )
)
_QWEN = Reading(((r"^model\.language_model\.", "model."),), left_out=r"model\.visual\.")
_READINGS: Mapping[str, Reading] = {
    **dict.fromkeys(("granitemoe", "granitemoeshared", "granitemoehybrid"), _GRANITE),
    **dict.fromkeys(("minimax", "minimax_m2", "phimoe"), _MIXTRAL),
    **dict.fromkeys(("qwen3_5", "qwen3_5_moe"), _QWEN),
    "llama4": Reading(((r"^language_model\.", ""),), left_out=r"(vision_model|multi_modal_projector)\."),
    "gemma3": Reading(
        (
            (r"^language_model\.lm_head\.", "lm_head."),
            (r"^language_model\.model\.", "model.language_model."),
            (r"^vision_tower\.(vision_model\.)?", "model.vision_tower."),
            (r"^multi_modal_projector\.", "model.multi_modal_projector."),
        )
    ),
}
_AHEAD = re.compile(r"(model\.)?mtp\.")
"""Layers that predict several tokens at once."""
_NUMBERED = re.compile(r"(?:backbone|model|model\.language_model)\.layers\.(\d+)\.")


def loaded_name(config: Mapping[str, Any], name: str) -> str | None:
    """A tensor's name in the loaded model, from its name on disk; None for one that is not loaded."""
    kind = config["model_type"]
    reading = _READINGS.get(kind)
    if _AHEAD.match(name) or (reading and reading.left_out and re.match(reading.left_out, name)):
        return None
    if kind in FAMILIES:
        name = FAMILIES[kind].module(name)
    for pattern, there in reading.renamed if reading else ():
        name = re.sub(pattern, there, name)
    number = _NUMBERED.match(name)
    return None if number and int(number[1]) >= _layers(config) else name


def _layers(config: Mapping[str, Any]) -> float:
    """Layers that are loaded: DeepSeek, GLM and others have one more on disk, which predicts further ahead."""
    within = config.get("text_config")
    for place in (config, within if isinstance(within, Mapping) else {}):
        for listed in ("layers_block_type", "hybrid_override_pattern"):
            if isinstance(place.get(listed), list | str):
                return len(place[listed])
        count = place.get("num_hidden_layers")
        if type(count) is int and count > 0:
            return count
    return inf
