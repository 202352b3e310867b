"""What is known of each family of models, as data: names on disk, and which modules take a LoRA adapter where it is served.

The facts on `nemotron_h` come from its configuration in transformers, from vLLM's model file (`hf_to_vllm_mapper`,
`packed_modules_mapping`, `get_expert_mapping`) and from the contest's participants, who loaded such adapters.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nemoflow.errors import InputError


@dataclass(frozen=True)
class ModelFamily:
    """Names of one `model_type`."""

    model_type: str
    disk_prefixes: Mapping[str, str]
    """First part of a tensor's name on disk -> the part that the loaded model uses, where they differ."""
    served: tuple[str, ...]
    """Last parts of the modules on which vLLM loads an adapter: more than PEFT trains, which refuses mamba's `out_proj`."""

    def module(self, name: str) -> str:
        """A module's name as the loaded model has it, from its name on disk or in an adapter."""
        for disk, loaded in self.disk_prefixes.items():
            if name.startswith(f"{disk}."):
                return loaded + name.removeprefix(disk)
        return name


_LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")

FAMILIES: Mapping[str, ModelFamily] = {
    family.model_type: family
    for family in (
        ModelFamily(
            model_type="nemotron_h",
            disk_prefixes={"backbone": "model"},
            served=("q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "out_proj", "up_proj", "down_proj", "lm_head"),
        ),
        ModelFamily("llama", {}, served=_LLAMA),
        ModelFamily("qwen2", {}, served=_LLAMA),
        ModelFamily("qwen3", {}, served=_LLAMA),
    )
}


def family_of(model_type: str) -> ModelFamily:
    """The family of a `config.json`'s model_type."""
    if model_type not in FAMILIES:
        raise InputError(f"model_type {model_type!r} is not known here; known are {', '.join(sorted(FAMILIES))}")
    return FAMILIES[model_type]
