"""Rules for `adapter_model.safetensors`: names, pairs, shapes, dtypes and numbers, against the base model's own headers.

A key is `base_model.model.` + the module's name + `.lora_A.weight` or `.lora_B.weight`. NemotronH's modules are called
`model.layers.N...` by transformers and `backbone.layers.N...` on disk; vLLM maps the second to the first, so both load.
"""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import byteorder

from nemoflow.models.families import ModelFamily
from nemoflow.models.headers import TensorHeader

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
DTYPES = {"F32": (2, 0x7F80), "BF16": (1, 0x7F80), "F16": (1, 0x7C00)}
"""dtype -> (16-bit words a number, exponent bits of its upper word); all exponent bits set is NaN or infinity."""

SIGN = 0x8000

_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_EXPERT = re.compile(r"(?P<experts>.+\.experts)\.(?P<index>\d+)\.(?P<part>\w+)")
_FUSED = re.compile(r"\.experts(\.(base_layer|w[123]|up_proj|down_proj|gate_up_proj))?$")

Shapes = Mapping[str, tuple[int, int]]
Pairs = dict[str, dict[str, TensorHeader]]


@dataclass(frozen=True)
class BaseModules:
    """The base model's modules that take an adapter: name -> (outputs, inputs)."""

    family: ModelFamily
    shapes: Shapes

    @classmethod
    def of(cls, family: ModelFamily, tensors: Iterable[TensorHeader]) -> "BaseModules":
        """From the headers of the base model's files."""
        shapes = {}
        for tensor in tensors:
            module = family.module(tensor.name.removesuffix(".weight"))
            if tensor.name.endswith(".weight") and len(tensor.shape) == 2 and module.rsplit(".", 1)[-1] in family.served:
                shapes[module] = (tensor.shape[0], tensor.shape[1])
        return cls(family, shapes)


def pair_up(tensors: Mapping[str, TensorHeader], family: ModelFamily) -> tuple[Pairs, list[str]]:
    """({module: {"A": tensor, "B": tensor}}, violations of the keys' rules)."""
    pairs: Pairs = defaultdict(dict)
    violations = []
    for name, tensor in sorted(tensors.items()):
        found = _KEY.fullmatch(name)
        if found is None or _FUSED.search(found["module"]):
            violations.append(f"{name}: {_key_rule(name)}")
            continue
        sides = pairs[family.module(found["module"])]
        if found["side"] in sides:
            violations.append(f"{name}: the same module as {sides[found['side']].name}; one of the two would be lost")
        sides[found["side"]] = tensor
    return dict(pairs), violations


def module_violations(pairs: Pairs, base: BaseModules, rank: int) -> Iterator[str]:
    """Modules without their other half, unknown to the base model, or of another shape or rank."""
    unknown = sorted(module for module in pairs if module not in base.shapes)
    if pairs and len(unknown) == len(pairs):
        yield (
            f"{next(iter(pairs[unknown[0]].values())).name}: an adapter of another model: none of its {len(pairs)} modules is one of the"
            f" base model's {len(base.shapes)}, such as {min(base.shapes, default='(none)')}"
        )
        return
    for module, sides in pairs.items():
        if module in base.shapes:
            yield from _half_missing(sides)
            yield from _rank_violations(sides, rank)
            yield from _shape_violations(sides, module, base.shapes[module], rank)
        else:
            yield f"{next(iter(sides.values())).name}: the base model has no module {module} that takes an adapter in vLLM"


def expert_violations(pairs: Pairs, base: BaseModules) -> Iterator[str]:
    """Routed experts of a layer that lack a part: vLLM packs them all and asserts that each is whole."""
    adapted = {match["experts"] for module in pairs if (match := _EXPERT.fullmatch(module))}
    for experts in sorted(adapted):
        every = [module for module in base.shapes if module.startswith(f"{experts}.")]
        missing = [module for module in every if module not in pairs]
        if missing:
            rule = f"vLLM needs all {len(every)} matrices of {experts} or none"
            yield f"{missing[0]}: has no lora_A and lora_B; {rule}, {len(missing)} are missing"


def number_violations(tensors: Iterable[TensorHeader]) -> tuple[set[str], list[str]]:
    """(names of tensors that hold only zeros, violations of the dtypes and numbers)."""
    zeros, violations = set(), []
    for tensor in tensors:
        if tensor.dtype not in DTYPES:
            violations.append(f"{tensor.name}: dtype is {tensor.dtype}; {', '.join(sorted(DTYPES))} load")
            continue
        is_finite, is_zero = scan(tensor)
        if not is_finite:
            violations.append(f"{tensor.name}: holds NaN or infinity; training diverged, an earlier checkpoint may be sound")
        if is_zero:
            zeros.add(tensor.name)
    return zeros, violations


def scan(tensor: TensorHeader) -> tuple[bool, bool]:
    """(all numbers are finite, all are zero), by the exponent bits alone.

    The upper words of a piece make a set of at most 65,536 values, so the loop over numbers runs in C, and neither torch
    nor numpy is needed: 50 to 90 MB/s were measured on one busy core.
    """
    words, exponent = DTYPES[tensor.dtype]
    is_finite = is_zero = True
    for chunk in tensor.chunks():
        numbers = array("H", chunk)
        if byteorder == "big":
            numbers.byteswap()
        upper = set(numbers[words - 1 :: words])
        is_finite = is_finite and all(word & exponent != exponent for word in upper)
        is_zero = is_zero and upper <= {0, SIGN} and (words == 1 or not any(numbers[0::words]))
    return is_finite, is_zero


def _half_missing(sides: Mapping[str, TensorHeader]) -> Iterator[str]:
    for side, other in (("A", "B"), ("B", "A")):
        if side not in sides:
            yield f"{sides[other].name}: has no lora_{side} beside it"


def _rank_violations(sides: Mapping[str, TensorHeader], rank: int) -> Iterator[str]:
    for side, tensor in sides.items():
        if len(tensor.shape) == 2 and (own := tensor.shape[0 if side == "A" else 1]) != rank:
            yield f"{tensor.name}: has rank {own}, adapter_config.json says r = {rank}; pad it with zeros and fold the scale into lora_B"


def _shape_violations(sides: Mapping[str, TensorHeader], module: str, shape: tuple[int, int], rank: int) -> Iterator[str]:
    outputs, inputs = shape
    for side, tensor in sides.items():
        expected = [rank, inputs] if side == "A" else [outputs, rank]
        if len(tensor.shape) != 2:
            yield f"{tensor.name}: has {len(tensor.shape)} dimensions, {list(tensor.shape)}; a matrix {expected} was expected"
        elif tensor.shape[1 if side == "A" else 0] != (inputs if side == "A" else outputs):
            yield f"{tensor.name}: shape is {list(tensor.shape)}, the base model's {module} needs {expected}: an adapter of another model?"


def _key_rule(name: str) -> str:
    if not name.startswith(PREFIX):
        return f"a key begins with {PREFIX!r} and the module's name"
    if "lora_magnitude_vector" in name:
        return "a DoRA magnitude; vLLM loads plain LoRA only"
    if "lora_embedding" in name:
        return "LoRA on embeddings is not known to load; adapt Linear modules"
    if re.search(r"\.lora_[AB]\.(?!weight$)[^.]+\.weight$", name):
        return "the adapter's own name is left in the key; it ends in .lora_A.weight or .lora_B.weight"
    if ".experts" in name and "lora_" in name:
        return "fused expert keys end the scoring with an error; each expert has keys of its own: experts.0.up_proj.lora_A.weight"
    if name.endswith(".bias"):
        return "a bias; vLLM loads no trained biases"
    return "an extra tensor; only .lora_A.weight and .lora_B.weight belong in an adapter"
