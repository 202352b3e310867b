"""LoRA on routed experts: stacked matrices while it is trained, one pair a matrix in the adapter that is written.

transformers stacks the experts of a layer in one parameter, so PEFT's layers for Linear modules do not see them. vLLM, which scores the
contest, wants each expert as a Linear of its own: `...experts.7.up_proj.lora_A.weight`. Checkpoints hold the stacked tensors, whose names
PEFT leaves as they are; `save_adapter` writes the others and `load_adapter` reads them back.
"""

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModelForCausalLM
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nemoflow.errors import InputError
from nemoflow.models.experts import Groups, is_plain, multiply, route
from nemoflow.models.families import family_of
from nemoflow.models.headers import read_header

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
EXPERTS = "experts"
"""Last part of the path of every such module in transformers."""
_KEY = re.compile(r"(?P<experts>.+\.experts)\.(?P<number>\d+)\.(?P<part>gate_proj|up_proj|down_proj)\.lora_(?P<side>[AB])\.weight")
_STACKED = re.compile(r"(?P<experts>.+\.experts)\.(?P<part>gate_proj|up_proj|down_proj)_lora_(?P<side>[AB])")


class ExpertLora(nn.Module, BaseTunerLayer):  # type: ignore[misc]
    """An experts module of transformers with A (experts, r, inputs) and B (experts, outputs, r) for each projection."""

    def __init__(self, base_layer: Any, adapter_name: str, config: LoraConfig, r: int, lora_alpha: int, **kwargs: Any) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.merged_adapters: list[str] = []
        self.adapter_layer_names = tuple(f"{part}_lora_{side}" for part in projections(base_layer) for side in "AB")
        self.scaling: dict[str, float] = {}
        self.lora_dropout = nn.ModuleDict()
        for name in self.adapter_layer_names:
            setattr(self, name, nn.ParameterDict())
        self.update_layer(adapter_name, r, lora_alpha, config)
        BaseTunerLayer.set_adapter(self, self._active())

    def _active(self) -> list[str]:
        names: Any = self._active_adapter
        return [names] if isinstance(names, str) else list(names)

    def update_layer(self, adapter_name: str, r: int, lora_alpha: int, config: LoraConfig, **kwargs: Any) -> None:
        """A new pair for each projection: A as PEFT draws it for a Linear, B zero."""
        count = self.base_layer.num_experts
        for part, (outputs, inputs) in projections(self.base_layer).items():
            first = torch.empty(count, r, inputs).uniform_(-1 / sqrt(inputs), 1 / sqrt(inputs))
            getattr(self, f"{part}_lora_A")[adapter_name] = nn.Parameter(first)
            getattr(self, f"{part}_lora_B")[adapter_name] = nn.Parameter(torch.zeros(count, outputs, r))
        self.scaling[adapter_name] = lora_alpha / (sqrt(r) if config.use_rslora else r)
        self.lora_dropout[adapter_name] = nn.Dropout(config.lora_dropout)
        self.to(self.base_layer.down_proj.device)

    def forward(self, hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Tensor:
        """What the experts answer, with the active adapters' part."""
        if self.disable_adapters or self.merged:
            if self.disable_adapters and self.merged:
                self.unmerge()
            answer: Tensor = self.base_layer(hidden_states, top_k_index, top_k_weights)
            return answer
        return route(self.base_layer, hidden_states, top_k_index, top_k_weights, self._added)

    def _added(self, projection: str, rows: Tensor, groups: Groups) -> Tensor | None:
        parts = ("gate_proj", "up_proj") if projection == "gate_up_proj" else (projection,)
        rows = rows.to(_dtype(self.base_layer.down_proj))
        answers = [self._of_adapter(name, parts, rows, groups) for name in self._active() if name in self.scaling]
        return reduce(torch.add, answers) if answers else None

    def _of_adapter(self, name: str, parts: Iterable[str], rows: Tensor, groups: Groups) -> Tensor:
        dropped = self.lora_dropout[name](rows)
        answers = []
        for part in parts:
            first, second = (getattr(self, f"{part}_lora_{side}")[name].to(rows.dtype) for side in "AB")
            answers.append(multiply(multiply(dropped, first, groups), second, groups))
        return torch.cat(answers, dim=-1) * self.scaling[name]

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Add the adapters to experts in full precision."""
        for name in adapter_names or self._active():
            self._add(name, 1.0)
            self.merged_adapters.append(name)

    def unmerge(self) -> None:
        """Take merged adapters out again."""
        while self.merged_adapters:
            self._add(self.merged_adapters.pop(), -1.0)

    @torch.no_grad()
    def _add(self, name: str, sign: float) -> None:
        base = self.base_layer
        if not base.down_proj.is_floating_point():
            raise InputError("an adapter on experts in 4 bits cannot be merged: rounding would eat it; load the base without quantization")
        for part in projections(base):
            first, second = (getattr(self, f"{part}_lora_{side}")[name] for side in "AB")
            weight = _slice_of(base, part)
            weight += (torch.bmm(second, first) * (sign * self.scaling[name])).to(weight.dtype)


def projections(experts: Any) -> dict[str, tuple[int, int]]:
    """(outputs, inputs) of an expert's matrices by their names on disk."""
    (outer, inner), down = (_shape(getattr(experts, name)) for name in (_first(experts), "down_proj"))
    if experts.has_gate:
        return {"gate_proj": (outer // 2, inner), "up_proj": (outer // 2, inner), "down_proj": down}
    return {"up_proj": (outer, inner), "down_proj": down}


def _first(experts: Any) -> str:
    return "gate_up_proj" if experts.has_gate else "up_proj"


def _shape(weight: Any) -> tuple[int, int]:
    shape = weight.shape if weight.is_floating_point() else weight.quant_state.shape
    return int(shape[1]), int(shape[2])


def _dtype(weight: Any) -> torch.dtype:
    dtype: torch.dtype = weight.dtype if weight.is_floating_point() else weight.quant_state.dtype
    return dtype


def _slice_of(experts: Any, part: str) -> Tensor:
    """A projection's place in the stacked parameter, to be written to."""
    if part == "down_proj" or not experts.has_gate:
        weight: Tensor = getattr(experts, part).data
        return weight
    half = experts.gate_up_proj.shape[1] // 2
    stacked: Tensor = experts.gate_up_proj.data
    return stacked[:, :half] if part == "gate_proj" else stacked[:, half:]


def adaptable(model: Any) -> dict[str, Any]:
    """Routed experts that take an adapter, by path: those whose matrices the runtime knows by the names that are written."""
    return {path: module for path, module in model.named_modules() if path.endswith(f".{EXPERTS}") and _is_known(model, module)}


def _is_known(model: Any, module: Any) -> bool:
    return is_plain(module) and model.config.model_type == "nemotron_h"


def teach(config: LoraConfig, model: Any) -> None:
    """Let PEFT put `ExpertLora` on the model's experts modules, which the config's targets name."""
    config._register_custom_module({type(module): ExpertLora for module in adaptable(model).values()})


def save_adapter(model: Any, folder: Path) -> None:
    """The adapter as PEFT saves it, stacked experts as one pair of matrices an expert."""
    model.save_pretrained(folder)
    path = folder / WEIGHTS
    if any(_STACKED.fullmatch(name) for name in read_header(path)):
        save_file(unstack(load_file(path)), path, metadata={"format": "pt"})


def unstack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stacked tensors as one for each expert, named as vLLM wants them; others as they are."""
    apart: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        found = _STACKED.fullmatch(name)
        if found is None:
            apart[name] = tensor
        else:
            pieces = {f"{found['experts']}.{i}.{found['part']}.lora_{found['side']}.weight": one for i, one in enumerate(tensor)}
            apart |= {key: one.clone() for key, one in pieces.items()}
    return apart


def stack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `unstack`, whatever the order of the keys."""
    together: dict[str, Tensor] = {}
    pieces: dict[str, dict[int, Tensor]] = {}
    for name, tensor in tensors.items():
        found = _KEY.fullmatch(name)
        if found is None:
            together[name] = tensor
        else:
            pieces.setdefault(f"{found['experts']}.{found['part']}_lora_{found['side']}", {})[int(found["number"])] = tensor
    for name, numbered in pieces.items():
        lacking = next((i for i in range(len(numbered)) if i not in numbered), None)
        if lacking is not None:
            raise InputError(f"{name}: has {len(numbered)} experts up to number {max(numbered)}, but not number {lacking}")
        together[name] = torch.stack([numbered[i] for i in range(len(numbered))])
    return together


def holds_experts(folder: Path) -> bool:
    """Whether an adapter has matrices of single experts, which PEFT alone does not read."""
    return any(_KEY.fullmatch(name) for name in read_header(folder / WEIGHTS))


def load_adapter(model: Any, folder: Path) -> Any:
    """The model with an adapter that has experts' matrices on it; InputError where the two do not fit."""
    family = family_of(model.config.model_type)
    read = stack(load_file(folder / WEIGHTS))
    tensors = {PREFIX + family.module(name.removeprefix(PREFIX)): tensor for name, tensor in read.items()}
    config = PeftConfig.from_pretrained(folder)
    config.target_modules = sorted({_module(name) for name in tensors})
    config.inference_mode = True
    teach(config, model)
    adapted = PeftModelForCausalLM(model, config)
    _fill(adapted, tensors, folder)
    return adapted


def _module(name: str) -> str:
    found = _STACKED.fullmatch(name)
    return (found["experts"] if found else re.sub(r"\.lora_[AB]\.weight$", "", name)).removeprefix(PREFIX)


def _fill(adapted: Any, tensors: Mapping[str, Tensor], folder: Path) -> None:
    named = {_with_adapter_name(name): tensor for name, tensor in tensors.items()}
    own = {name: weight.shape for name, weight in adapted.state_dict().items() if "lora_" in name}
    for name in sorted(own.keys() ^ named.keys()):
        raise InputError(f"{folder / WEIGHTS}: {name} is {'missing' if name in own else 'not in the base model'}")
    for name, shape in own.items():
        if named[name].shape != shape:
            raise InputError(f"{folder / WEIGHTS}: {name} has shape {list(named[name].shape)}; the base model needs {list(shape)}")
    adapted.load_state_dict(named, strict=False)


def _with_adapter_name(name: str) -> str:
    return f"{name}.default" if _STACKED.fullmatch(name) else re.sub(r"\.weight$", ".default.weight", name)
