"""What is known of each family of models, as data: names on disk, which modules take a LoRA adapter where it is served, how teachers think.

The facts on `nemotron_h` come from its configuration in transformers, from vLLM's model file (`hf_to_vllm_mapper`,
`packed_modules_mapping`, `get_expert_mapping`) and from the contest's participants, who loaded such adapters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nemoflow.errors import InputError


@dataclass(frozen=True)
class ModelFamily:
    """Names of one `model_type`."""

    model_type: str
    disk_prefixes: Mapping[str, str]
    """First part of a tensor's name on disk -> the part that the loaded model uses, where they differ."""
    served: tuple[str, ...]
    """Last parts of the modules on which vLLM loads an adapter: more than PEFT trains, which refuses mamba's `out_proj`."""
    suggested: tuple[str, ...] = ()
    """Last parts of the Linear modules to adapt first: all kinds of block are reached, and PEFT takes each of them."""
    disk_parts: Mapping[str, str] = field(default_factory=dict)
    """Parts within a tensor's name on disk -> those of the loaded model, where transformers renames them."""
    adapts_experts: bool = False
    """Whether routed experts take an adapter whose names the runtime reads."""
    map_bytes: int = 0
    """Bytes that training keeps of each place of an attention map [heads, tokens, tokens]; 0 where transformers never makes the map."""

    def module(self, name: str) -> str:
        """A module's name as the loaded model has it, from its name on disk or in an adapter."""
        for disk, loaded in self.disk_prefixes.items():
            if name.startswith(f"{disk}."):
                name = loaded + name.removeprefix(disk)
                break
        for disk, loaded in self.disk_parts.items():
            name = name.replace(f".{disk}.", f".{loaded}.")
        return name


_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_DENSE = (*_ATTENTION, "gate_proj", "up_proj", "down_proj")
_LLAMA = (*_DENSE, "lm_head")

FAMILIES: Mapping[str, ModelFamily] = {
    family.model_type: family
    for family in (
        ModelFamily(
            model_type="nemotron_h",
            disk_prefixes={"backbone": "model"},
            served=("q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "out_proj", "up_proj", "down_proj", "lm_head"),
            suggested=(*_ATTENTION, "in_proj", "up_proj", "down_proj"),
            adapts_experts=True,
        ),
        ModelFamily("llama", {}, served=_LLAMA, suggested=_DENSE),
        ModelFamily("qwen2", {}, served=_LLAMA, suggested=_DENSE),
        ModelFamily("qwen3", {}, served=_LLAMA, suggested=_DENSE),
        ModelFamily("qwen3_moe", {}, served=_LLAMA, suggested=_ATTENTION),
        ModelFamily(
            "mixtral",
            {},
            served=(*_ATTENTION, "w1", "w2", "w3", "lm_head"),
            suggested=_ATTENTION,
            disk_parts={"block_sparse_moe": "mlp"},
        ),
        ModelFamily("gpt_oss", {}, served=(*_ATTENTION, "lm_head"), suggested=_ATTENTION, map_bytes=12),
    )
}


def family_of(model_type: str) -> ModelFamily:
    """The family of a `config.json`'s model_type."""
    if model_type not in FAMILIES:
        raise InputError(f"model_type {model_type!r} is not known here; known are {', '.join(sorted(FAMILIES))}")
    return FAMILIES[model_type]


Effort = Literal["high", "medium", "low"]
"""How hard a teacher thinks."""
EFFORTS: tuple[Effort, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Thinking:
    """How one family is told to think with one effort."""

    body: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the request's JSON."""
    system: str = ""
    """Words of the system message."""


@dataclass(frozen=True)
class TeacherFamily:
    """Models that are told in one way how hard to think."""

    name: str
    pattern: str
    """What occurs in the names of its models, as a regular expression."""
    efforts: Mapping[Effort, Thinking]


_SHORT = "Think only as much as you need: a few short steps, then the answer."
_FULL = "Think the problem through step by step and check the result before you answer."


def _switched(switch: str) -> Mapping[Effort, Thinking]:
    """A chat template that opens or closes the thinking block; there is no third state, so `medium` is asked for in words."""
    on, off = ({"chat_template_kwargs": {switch: is_on}} for is_on in (True, False))
    return {"high": Thinking(on), "medium": Thinking(on, _SHORT), "low": Thinking(off)}


TEACHERS: tuple[TeacherFamily, ...] = (
    # The three efforts that the model was trained with; servers that know the parameter write them into its system message.
    TeacherFamily("gpt-oss", r"gpt-?oss", {effort: Thinking({"reasoning_effort": effort}) for effort in EFFORTS}),
    TeacherFamily("nemotron", r"nemotron", _switched("enable_thinking")),
    TeacherFamily("qwen", r"qwen|qwq", _switched("enable_thinking")),
    TeacherFamily("deepseek", r"deepseek", _switched("thinking")),
)
PLAIN = TeacherFamily("plain", "", {"high": Thinking(system=_FULL), "medium": Thinking(), "low": Thinking(system=_SHORT)})
"""Models with no switch: they are asked in words."""


def teacher_family(model: str) -> TeacherFamily:
    """The family of a model by the name that its endpoint lists."""
    return next((family for family in TEACHERS if re.search(family.pattern, model, re.IGNORECASE)), PLAIN)


def thinking(model: str, effort: Effort | Literal[""]) -> Thinking:
    """What a model is told for an effort; nothing where none is asked for."""
    return teacher_family(model).efforts[effort] if effort else Thinking()
