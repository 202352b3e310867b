"""A model's modules as they stand in memory, told from its config and safetensors headers alone: no weights, no torch.

A matrix `X.weight` is a Linear module, unless it is an embedding or a router. Routed experts lie on disk as a matrix an expert
(nemotron_h, qwen3_moe, mixtral) or as one 3-D tensor a layer (qwen3_5_moe; gpt_oss, packed in MXFP4 or not); transformers 5 holds them
as 3-D parameters in each case, so no module of theirs takes an adapter by its name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError
from nemoflow.models.headers import TensorHeader, read_config, read_folder
from nemoflow.models.loaded import loaded_name

EMBEDDINGS = frozenset({"embeddings", "embed_tokens", "word_embeddings", "wte", "embed_in"})
TABLES = EMBEDDINGS | {"wpe", "embed_positions", "position_embedding", "position_embeddings", "pos_embed", "embed_tokens_per_layer"}
"""Last parts of matrices that are looked up, not multiplied with: those of tokens, and of places."""
HEAD = "lm_head"
HEADS = frozenset({HEAD, "embed_out", "head"})
ROUTERS = frozenset({"gate", "router"})
"""Last parts of routers beside routed experts; a weight, not a Linear module, in transformers 5."""
BUFFERS = (
    *("e_score_correction_bias", "inv_freq", "feed_forward.expert_bias", "layer_scalar", "act_fn.beta", "act_fn.eps", "masked_bias"),
    *("slope_rate", "query_decay", "key_decay", "diagonal_decay"),
    *("weight_scale", "weight_scale_inv", "input_scale"),
)
"""Last parts of tensors on disk that are no parameters: constants of routers, positions and decays, and scales of 8-bit weights."""
PACKED = (".qweight", ".weight_packed")
"""Ends of names of matrices whose shape on disk is not their own (gptq, awq, compressed-tensors)."""
TRANSPOSED = frozenset({"gpt_oss", "llama4", "llama4_text"})
"""Types whose routed experts lie as [experts, inputs, outputs], as they stand in memory."""
GATES = frozenset({"gate_proj", "w1"})
"""Parts of an expert that transformers 5 fuses with `up_proj` or `w3` into `gate_up_proj`."""
FUSED = {"w1": "gate_up_proj", "w3": "gate_up_proj", "gate_proj": "gate_up_proj", "w2": "down_proj"}
MXFP4 = ("_blocks", "_scales")
"""Two numbers a byte in blocks [experts, outputs, inputs / 32, 16], and a scale for each 32."""

_EXPERT = re.compile(r"(?P<experts>.+\.experts)\.(?P<index>\d+)\.(?P<part>\w+)\.weight")
_STACK = re.compile(r"(?P<experts>.+\.experts)\.(?P<part>\w*proj)(?P<packed>_blocks)?")
_LAYER = re.compile(r"(?:^|.*?\.)(?:layers|h|blocks)\.(?P<number>\d+)\.(?P<rest>.+)")


@dataclass(frozen=True)
class Linear:
    """One module with a matrix."""

    name: str
    """Its path in the loaded model, such as `model.layers.0.mixer.in_proj`."""
    outputs: int
    inputs: int

    @property
    def last(self) -> str:
        """Last part of its path."""
        return self.name.rpartition(".")[2]

    @property
    def block(self) -> str:
        """The path of what it is a part of."""
        return self.name.rpartition(".")[0]

    @property
    def layer(self) -> int | None:
        """Number of its layer; None for the head."""
        found = _LAYER.fullmatch(self.name)
        return int(found["number"]) if found else None

    @property
    def kind(self) -> str:
        """Its path within a layer, the same for all layers, such as `mixer.in_proj`."""
        found = _LAYER.fullmatch(self.name)
        return found["rest"] if found else self.name

    @property
    def parameters(self) -> int:
        """Numbers of its matrix."""
        return self.outputs * self.inputs

    def lora(self, rank: int) -> int:
        """Numbers of an adapter of this rank: A is [rank, inputs], B [outputs, rank]."""
        return rank * (self.inputs + self.outputs)


@dataclass(frozen=True)
class Stack(Linear):
    """Routed experts' matrices of one name in one layer; outputs and inputs are those of one expert."""

    experts: int = 1
    parts: tuple[str, ...] = ()
    """What its matrices are called on disk, such as w1 and w3 of gate_up_proj; none where it is one tensor there."""
    is_transposed: bool = False
    """Inputs come before outputs in memory."""

    @property
    def is_quantisable(self) -> bool:
        """Whether 4 bits take it: blocks of 64 weights end where an expert ends, and outputs come before inputs."""
        return not self.is_transposed and self.outputs * self.inputs % 64 == 0

    @property
    def parameters(self) -> int:
        """Numbers of all experts' matrices."""
        return self.experts * self.outputs * self.inputs

    def lora(self, rank: int) -> int:
        """Numbers of an adapter of this rank on each expert."""
        return self.experts * super().lora(rank)


@dataclass(frozen=True)
class ModelModules:
    """What a model is made of."""

    config: Mapping[str, Any]
    linears: tuple[Linear, ...]
    """In the order of their layers; without the head."""
    stacks: tuple[Stack, ...]
    head: Linear | None
    is_tied: bool
    """The head is the embedding's matrix."""
    routers: int
    """Routers, one a layer of experts."""
    parameters: int
    """Of the whole model, each once."""
    others: frozenset[str] = frozenset()
    """Paths of modules that are none of `linears`: what holds them, norms, embeddings, the head."""

    @property
    def model_type(self) -> str:
        """As its config names it."""
        return str(self.config["model_type"])

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers that have a matrix."""
        return tuple(sorted({part.layer for part in (*self.linears, *self.stacks) if part.layer is not None}))

    @property
    def experts_per_token(self) -> int:
        """Routed experts that see a token."""
        return _first(self.config, ("num_experts_per_tok", "num_experts_per_token", "top_k_experts"), 1)

    @property
    def heads(self) -> int:
        """Heads of attention."""
        return _first(self.config, ("num_attention_heads", "n_head"), 0)

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return _first(self.config, ("hidden_size", "d_model", "n_embd"), 0)


def read_modules(folder: Path) -> ModelModules:
    """The modules of a model's folder; InputError names the file and what is wrong with it."""
    return modules_of(read_config(folder), read_folder(folder).values(), str(folder))


def modules_of(config: Mapping[str, Any], tensors: Iterable[TensorHeader], where: str) -> ModelModules:
    """The modules behind these headers; `where` is named in errors."""
    named = {name: tensor for tensor in tensors if (name := loaded_name(config, tensor.name)) is not None}
    stacks = (*_per_expert(named), *_stacked(named, config["model_type"] in TRANSPOSED))
    blocks = {stack.block.rpartition(".")[0] for stack in stacks}
    linears = tuple(sorted(_linears(named, blocks, where), key=lambda linear: (linear.layer is not None, linear.layer or 0, linear.name)))
    if not linears:
        raise InputError(
            f"{where}: holds no matrix that a Linear module could be; the safetensors weights of a language model were expected"
        )
    table = next((tensor for name, tensor in named.items() if _last(name) in EMBEDDINGS and len(tensor.shape) == 2), None)
    written = next((linear for linear in linears if linear.name in HEADS), None)
    tied = written is None or (table is not None and bool(config.get("tie_word_embeddings")))
    head = Linear(HEAD, *table.shape) if written is None and table is not None else written
    doubled = written.parameters if tied and written is not None else 0
    return ModelModules(
        config=config,
        linears=tuple(linear for linear in linears if linear is not written),
        stacks=tuple(sorted(stacks, key=lambda stack: (stack.layer or 0, stack.name))),
        head=head,
        is_tied=tied,
        routers=sum(_is_router(name, blocks) for name in named),
        parameters=sum(_numbers(name, tensor) for name, tensor in named.items()) - doubled,
        others=_paths(named) - {linear.name for linear in linears if linear is not written},
    )


def _linears(named: Mapping[str, TensorHeader], blocks: set[str], where: str) -> Iterator[Linear]:
    for name, tensor in named.items():
        is_packed = name.endswith(PACKED)
        if not is_packed and (not name.endswith(".weight") or len(tensor.shape) != 2 or _EXPERT.fullmatch(name)):
            continue
        if _last(name) in TABLES or _is_router(name, blocks):
            continue
        if is_packed or tensor.dtype in ("U8", "I8", "F4"):
            raise InputError(
                f"{where}: {tensor.name} is stored as {tensor.dtype} {list(tensor.shape)}: packed, so its real shape is not told; "
                "give the folder of the model in bf16, which is quantised while it is loaded"
            )
        yield Linear(name.removesuffix(".weight"), *tensor.shape)


def _per_expert(named: Mapping[str, TensorHeader]) -> Iterator[Stack]:
    """One stack for all experts' matrices of a name; those that are fused in memory add up their outputs."""
    found: dict[tuple[str, str], dict[tuple[int, str], TensorHeader]] = {}
    gated = {match["experts"] for name in named if (match := _EXPERT.fullmatch(name)) and match["part"] in GATES}
    for name, tensor in named.items():
        match = _EXPERT.fullmatch(name)
        if match and len(tensor.shape) == 2:
            part = FUSED.get(match["part"], match["part"])
            part = "gate_up_proj" if part == "up_proj" and match["experts"] in gated else part
            found.setdefault((match["experts"], part), {})[int(match["index"]), match["part"]] = tensor
    for (experts, part), tensors in found.items():
        count, parts = len({index for index, _ in tensors}), tuple(sorted({part for _, part in tensors}))
        outputs = sum(tensor.shape[0] for tensor in tensors.values()) // count
        yield Stack(f"{experts}.{part}", outputs, next(iter(tensors.values())).shape[1], experts=count, parts=parts)


def _stacked(named: Mapping[str, TensorHeader], is_transposed: bool) -> Iterator[Stack]:
    """3-D tensors [experts, outputs, inputs], or the other way round; gpt_oss' packed blocks are [experts, outputs, inputs / 32, 16]."""
    for name, tensor in named.items():
        match = _STACK.fullmatch(name)
        if match and match["packed"] and len(tensor.shape) == 4:
            count, outputs, groups, half = tensor.shape
            yield Stack(f"{match['experts']}.{match['part']}", outputs, groups * half * 2, experts=count, is_transposed=True)
        elif match and not match["packed"] and len(tensor.shape) == 3:
            count, *sides = tensor.shape
            outputs, inputs = reversed(sides) if is_transposed else sides
            yield Stack(f"{match['experts']}.{match['part']}", outputs, inputs, experts=count, is_transposed=is_transposed)


def _is_router(name: str, blocks: set[str]) -> bool:
    path = name.removesuffix(".weight")
    return name.endswith(".weight") and _last(name) in ROUTERS and path.rpartition(".")[0] in blocks


def _numbers(name: str, tensor: TensorHeader) -> int:
    """Parameters that a tensor on disk stands for."""
    is_buffer = name.endswith(BUFFERS) and ".moe_statics." not in name  # ernie4_5_moe alone holds it as a parameter
    is_mask = len(tensor.shape) == 4 and name.endswith((".attn.bias", ".attention.bias"))
    if is_buffer or is_mask or name.endswith(MXFP4[1]):
        return 0
    return prod(tensor.shape) * (2 if name.endswith(MXFP4[0]) else 1)


def _paths(named: Iterable[str]) -> frozenset[str]:
    """Every module that these tensors lie in, however far up."""
    found: set[str] = set()
    for name in named:
        expert = _EXPERT.fullmatch(name)  # a part of one parameter in memory
        path = expert["experts"] if expert else name.rpartition(".")[0]
        while path and path not in found:
            found.add(path)
            path = path.rpartition(".")[0]
    return frozenset(found)


def _last(name: str) -> str:
    return name.removesuffix(".weight").rpartition(".")[2]


def _first(config: Mapping[str, Any], names: tuple[str, ...], otherwise: int) -> int:
    """The first whole number under one of the names; models that also see hold them in `text_config`."""
    within = config.get("text_config")
    places = (config, within) if isinstance(within, Mapping) else (config,)
    return next((value for place in places for name in names if type(value := place.get(name)) is int and value > 0), otherwise)
