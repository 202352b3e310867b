"""Merge: a base model and its adapter as one model folder, W + scale * B A, a block of rows at a time.

The base's files are gone through from front to back. What no adapter touches is copied byte by byte, with each file's header as it stands,
so that names, shards and types on disk stay those of the base: NemotronH's `backbone.layers.N` and its experts one by one, where the
loaded model and the adapter say `model.layers.N`. Memory holds one block and the adapter's two factors, whatever the model's size. Sums
are taken in fp32 and rounded once to the base's type.
"""

import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from nemoflow.errors import InputError
from nemoflow.models.families import FAMILIES
from nemoflow.models.folder import need_adapter, need_model
from nemoflow.models.headers import TensorHeader, read_config, read_folder, read_header

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
BLOCK = 2**24
"""Numbers of a weight that are held at once."""
UNMERGED = ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "target_parameters", "lora_bias", "fan_in_fan_out")
"""Fields of an adapter's config that say more than W + scale * B A."""
_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_LEFT_BEHIND = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack")
"""Weights, in whatever form: those of the base are not the merged ones."""


@dataclass(frozen=True)
class Merged:
    """What was written."""

    modules: int
    tensors: int
    size: int
    """Bytes of all weights."""


def merge(model: Path, adapter: Path, out: Path, advanced: Callable[[int], None] = lambda size: None) -> Merged:
    """Write the merged model to `out`, which must not be there; it appears whole or not at all.

    `advanced` is told the bytes that were written. InputError where the adapter is not one of this model.
    """
    need_model(model, str(model))
    need_adapter(adapter, str(adapter))
    if out.exists():
        raise InputError(f"{out}: is there already; a name that is free is right")
    tensors = read_folder(model)
    pairs = _pairs(model, adapter, tensors)
    scale = _scale(adapter)
    beside = out.with_name(f"{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for path in sorted(model.iterdir()):
        if path.is_file() and not path.name.endswith(_LEFT_BEHIND):
            shutil.copy(path, beside)
    for file in sorted({tensor.file for tensor in tensors.values()}):
        _write_file(file, beside / file.name, pairs, scale, advanced)
    os.rename(beside, out)
    return Merged(len(pairs), len(tensors), sum(tensor.end - tensor.start for tensor in tensors.values()))


def weights_size(model: Path) -> int:
    """Bytes of a model's weights."""
    return sum(tensor.end - tensor.start for tensor in read_folder(model).values())


def _pairs(model: Path, adapter: Path, tensors: Mapping[str, TensorHeader]) -> dict[str, dict[str, TensorHeader]]:
    """{name of the base's tensor on disk: {"A": factor, "B": factor}}."""
    family = FAMILIES.get(read_config(model)["model_type"])
    on_disk = {(family.module(name) if family else name): name for name in tensors}
    pairs: dict[str, dict[str, TensorHeader]] = {}
    for name, factor in sorted(read_header(adapter / WEIGHTS).items()):
        found = _KEY.fullmatch(name)
        if found is None:
            raise InputError(f"{adapter / WEIGHTS}: {name}: is no lora_A or lora_B of one matrix; experts one by one are right")
        module = family.module(found["module"]) if family else found["module"]
        if (weight := on_disk.get(f"{module}.weight")) is None:
            raise InputError(f"{adapter / WEIGHTS}: {name}: {model} has no weight {module}.weight; an adapter of this model is right")
        pairs.setdefault(weight, {})[found["side"]] = factor
    for weight, sides in pairs.items():
        _check_pair(adapter, tensors[weight], sides)
    return pairs


def _check_pair(adapter: Path, weight: TensorHeader, sides: Mapping[str, TensorHeader]) -> None:
    shapes = {side: list(factor.shape) for side, factor in sides.items()}
    if set(sides) != {"A", "B"} or any(len(shape) != 2 for shape in (*shapes.values(), weight.shape)):
        raise InputError(f"{adapter / WEIGHTS}: {weight.name}: a lora_A and a lora_B of two dimensions are right, there are {shapes}")
    if [shapes["B"][0], shapes["A"][1]] != list(weight.shape) or shapes["A"][0] != shapes["B"][1]:
        raise InputError(
            f"{adapter / WEIGHTS}: {weight.name}: is {list(weight.shape)}, its factors are {shapes}; an adapter of this model is right"
        )
    strange = next((tensor for tensor in (weight, *sides.values()) if tensor.dtype not in TYPES), None)
    if strange is not None:
        raise InputError(f"{strange.file}: {strange.name} is {strange.dtype}; weights of {', '.join(TYPES)} can be merged")


def _scale(adapter: Path) -> float:
    path = adapter / CONFIG
    config = orjson.loads(path.read_bytes())
    set_ones = [name for name in UNMERGED if config.get(name)]
    if set_ones or config.get("bias", "none") != "none":
        name = (set_ones or ["bias"])[0]
        raise InputError(f"{path}: {name}: {config[name]!r} is more than a product of two factors and cannot be merged here")
    try:
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{path}: r {config.get('r')!r} and lora_alpha {config.get('lora_alpha')!r}: numbers above 0 are right") from error


def _write_file(
    source: Path, target: Path, pairs: Mapping[str, Mapping[str, TensorHeader]], scale: float, advanced: Callable[[int], None]
) -> None:
    """One file of weights, tensor by tensor in the order in which they lie."""
    tensors = sorted(read_header(source).values(), key=lambda tensor: (tensor.start, tensor.end))
    with source.open("rb") as base, target.open("wb") as out:
        out.write(base.read(min((tensor.start for tensor in tensors), default=0)))
        for tensor in tensors:
            sides = pairs.get(tensor.name)
            for chunk in _sums(base, tensor, sides, scale) if sides else tensor.chunks():
                out.write(chunk)
                advanced(len(chunk))
        out.flush()
        os.fsync(out.fileno())


def _sums(base: BinaryIO, weight: TensorHeader, sides: Mapping[str, TensorHeader], scale: float) -> Iterator[bytes]:
    """The merged weight's bytes, a block of rows at a time."""
    import torch

    down, up = (_load(sides[side]) for side in ("A", "B"))
    dtype = getattr(torch, TYPES[weight.dtype])
    rows, columns = weight.shape
    block = max(1, BLOCK // max(columns, 1))
    base.seek(weight.start)
    for start in range(0, rows, block):
        count = min(block, rows - start)
        held = torch.frombuffer(bytearray(base.read(count * columns * dtype.itemsize)), dtype=dtype).reshape(count, columns)
        merged = (held.float() + scale * (up[start : start + count] @ down)).to(dtype)
        yield merged.contiguous().view(torch.uint8).numpy().tobytes()


def _load(factor: TensorHeader) -> Any:
    import torch

    held = torch.frombuffer(bytearray(b"".join(factor.chunks())), dtype=getattr(torch, TYPES[factor.dtype]))
    return held.reshape(factor.shape).float()
