"""The base model's modules that an adapter may speak of, from the headers of its files: names, shapes, and what vLLM does with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from nemoflow.errors import InputError
from nemoflow.models.families import FAMILIES, ModelFamily
from nemoflow.models.headers import TensorHeader, read_config, read_folder

Shape = tuple[int, int]
"""(outputs, inputs)."""

EMBEDDINGS = ("embed_tokens", "embeddings")
ROUTERS = ("gate", "router", "shared_expert_gate")
STACKED = frozenset({"gpt_oss"})
"""Families whose routed experts vLLM takes stacked, as PEFT's target_parameters save them (`is_3d_moe_weight`)."""
FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})

_EXPERT = re.compile(r"(?P<experts>.+\.experts)\.(?P<index>\d+)\.(?P<part>\w+)")
_ELSEWHERE = re.compile(r"vision|visual|image|audio|speech|encoder|tower")
"""Parts of a model with layers of their own, which are not those of the language model."""
_STACK = re.compile(r"(?P<path>.+\.experts)\.(?P<part>gate_up_proj|down_proj)(?P<blocks>_blocks)?")
_TAIL = re.compile(r"(?:^|\.)(layers\.\d+\..+|lm_head|embed_tokens|embeddings)$")


@dataclass(frozen=True)
class Stack:
    """The routed experts of a layer, in one tensor for each of their matrices."""

    count: int
    shapes: Mapping[str, Shape]
    """`gate_up_proj` and `down_proj` -> the shape of each expert's."""


@dataclass(frozen=True)
class BaseModules:
    """What an adapter can be put on."""

    family: ModelFamily
    is_known: bool
    """Whether what vLLM serves of this family is known."""
    shapes: Mapping[str, Shape]
    """Modules that take an adapter, embeddings among them, as the loaded model names them."""
    others: frozenset[str]
    """Modules with a matrix that take none."""
    is_tied: bool = False
    """The output head is the embedding."""
    stacks: Mapping[str, "Stack"] = field(default_factory=dict)
    """Routed experts that lie stacked, by their path."""

    @classmethod
    def read(cls, folder: Path) -> "BaseModules":
        """From a model's folder; InputError where it is none, or holds its weights packed."""
        config = read_config(folder)
        tensors = read_folder(folder)
        adapted = [tensor.name for tensor in tensors.values() if ".lora_" in tensor.name]
        if adapted:
            raise InputError(f"{folder}: holds {adapted[0]!r}; that is an adapter, the model under it was expected")
        packed = [tensor for tensor in tensors.values() if _is_packed(tensor)]
        if packed:
            raise InputError(
                f"{folder}: {packed[0].name} is {packed[0].dtype} {list(packed[0].shape)}: quantised weights, whose shapes are not the"
                " modules'; the base model as it was before quantising was expected"
            )
        kind = config["model_type"]
        known = FAMILIES.get(kind)
        family = known or replace(FAMILIES["llama"], model_type=kind, disk_prefixes={}, served=())
        return cls.of(family, known is not None, tensors, bool(config.get("tie_word_embeddings")))

    @classmethod
    def of(cls, family: ModelFamily, is_known: bool, tensors: Mapping[str, TensorHeader], is_tied: bool) -> "BaseModules":
        """From headers."""
        shapes: dict[str, Shape] = {}
        others = set()
        for tensor in tensors.values():
            if not tensor.name.endswith(".weight") or len(tensor.shape) != 2 or tensor.dtype not in FLOATS:
                continue
            module = family.module(tensor.name.removesuffix(".weight"))
            last = module.rpartition(".")[2]
            rows, columns = tensor.shape
            if last in EMBEDDINGS:
                shapes[module] = (columns, rows)
            elif last in family.served or (not is_known and last not in ROUTERS):
                shapes[module] = (rows, columns)
            else:
                others.add(module)
        head = next((module for module in shapes if module.endswith(EMBEDDINGS)), None)
        if is_tied and head and "lm_head" not in shapes:
            shapes["lm_head"] = (shapes[head][1], shapes[head][0])
        return cls(family, is_known, shapes, frozenset(others), is_tied, _stacks(family, tensors))

    def placed(self, module: str) -> str | None:
        """The module that a misnamed one stands for: the only one whose name ends alike."""
        tail = _TAIL.search(module)
        if tail is None or _ELSEWHERE.search(module[: tail.start()]):
            return None
        alike = self._tails.get(self._tail_of(tail[1]), ())
        return alike[0] if len(alike) == 1 else None

    def experts(self, path: str) -> dict[str, Shape]:
        """Matrices of the routed experts at a path such as `model.layers.1.mixer.experts`: `0.up_proj` -> shape."""
        return self._experts.get(path, {})

    @cached_property
    def _experts(self) -> dict[str, dict[str, Shape]]:
        found: dict[str, dict[str, Shape]] = {}
        for name, shape in self.shapes.items():
            if path := expert_path(name):
                found.setdefault(path, {})[name.removeprefix(f"{path}.")] = shape
        return found

    @cached_property
    def _tails(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for module in self.shapes:
            tail = _TAIL.search(module)
            found.setdefault(self._tail_of(tail[1]) if tail else module, []).append(module)
        return found

    def _tail_of(self, tail: str) -> str:
        return EMBEDDINGS[0] if tail in EMBEDDINGS else tail


def _stacks(family: ModelFamily, tensors: Mapping[str, TensorHeader]) -> dict[str, Stack]:
    """Stacked as (experts, inputs, outputs), or in blocks of MXFP4 as (experts, outputs, blocks, 16 bytes of two numbers each)."""
    found: dict[str, Stack] = {}
    for tensor in tensors.values():
        match = _STACK.fullmatch(tensor.name)
        if family.model_type not in STACKED or match is None or len(tensor.shape) != (4 if match["blocks"] else 3):
            continue
        count, second, third = tensor.shape[:3]
        shape = (second, third * tensor.shape[3] * 2) if match["blocks"] else (third, second)
        path = family.module(match["path"])
        found[path] = Stack(count, {**(found[path].shapes if path in found else {}), match["part"]: shape})
    return found


def _is_packed(tensor: TensorHeader) -> bool:
    """4-bit weights of bitsandbytes, GPTQ, AWQ and others lie as bytes or words, several numbers in each."""
    is_bytes = tensor.name.endswith("proj.weight") and tensor.dtype in ("U8", "I8", "I32")
    return is_bytes or tensor.name.endswith((".qweight", ".weight_packed"))


def expert_path(module: str) -> str | None:
    """`model.layers.1.mixer.experts` of `model.layers.1.mixer.experts.7.up_proj`; None for any other module."""
    match = _EXPERT.fullmatch(module)
    return match["experts"] if match else None
