"""A repaired copy of an adapter that computes the same: B A times the scale is kept to rounding, for every module.

Ranks are padded with zeros to one, scales folded into lora_B, stacked experts taken apart and those that are missing filled with zeros,
names, targets and dtypes written as vLLM and PEFT read them, what neither reads left out. What changes the product is not repaired.
"""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError, SubmissionError
from nemoflow.models.headers import ITEM_BITS, TensorHeader
from nemoflow.submission.base import BaseModules, expert_path
from nemoflow.submission.config_rules import CONFIG, KNOWN, MAX_CONFIG_BYTES, Scales, is_lora, parse_config, scaling
from nemoflow.submission.doctor import Checkup, examine_files, read_tensors
from nemoflow.submission.factors import Factor, Pair, pairs_of, zero_pair
from nemoflow.submission.files import WEIGHTS, AdapterFiles, open_adapter
from nemoflow.submission.keys import PREFIX, Side, key_of
from nemoflow.submission.numbers import WRITERS
from nemoflow.submission.tensor_rules import Layout, lay_out

TENSORS_TO_DROP = ("base-copy", "skipped-layer")
PATTERNS = ("rank_pattern", "alpha_pattern")
CHANGED_BY = ("modules_to_save", "trainable_token_indices")
"""Where one of these is set, a tensor that is no factor may be part of what the adapter computes."""


@dataclass(frozen=True)
class Repaired:
    """What came of it."""

    done: tuple[str, ...]
    """What was changed, in lines."""
    before: Checkup
    after: Checkup


@dataclass(frozen=True)
class Written:
    """One tensor to write."""

    dtype: str
    shape: tuple[int, ...]
    content: Callable[[], bytes | Iterator[bytes]]


def repair(adapter: Path, base: Path, out: Path, max_rank: int) -> Repaired:
    """Write a repaired copy into the new folder `out` and examine it; SubmissionError where there is nothing to read."""
    if out.exists():
        raise InputError(f"{out}: is there already; the repaired copy goes into a new folder")
    modules = BaseModules.read(base)
    with open_adapter(adapter) as files:
        before = examine_files(files, modules, max_rank)
        config, tensors = _read(adapter, files, before)
        plan = _Plan(config, lay_out(tensors, modules), tensors, modules, max_rank)
        part = out.with_name(f".{out.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        written, new_config = plan.tensors(), plan.new_config()
        (part / CONFIG).write_text(json.dumps(new_config, indent=2, sort_keys=True) + "\n")
        write_safetensors(part / WEIGHTS, written)
        os.replace(part, out)
    with open_adapter(out) as files:
        after = examine_files(files, modules, max_rank)
    gone = _repaired(before, after)
    return Repaired(tuple(gone), before, after)


def write_safetensors(path: Path, tensors: Mapping[str, Written]) -> None:
    """A file as safetensors has it, a tensor at a time."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, tensor in tensors.items():
        size = math.prod(tensor.shape) * ITEM_BITS[tensor.dtype] // 8
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [position, position := position + size]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as stream:
        stream.write(len(head).to_bytes(8, "little") + head)
        for tensor in tensors.values():
            content = tensor.content()
            for chunk in (content,) if isinstance(content, bytes) else content:
                stream.write(chunk)


def _read(adapter: Path, files: AdapterFiles, before: Checkup) -> tuple[dict[str, Any], dict[str, TensorHeader]]:
    tensors, _ = read_tensors(files.weights)
    if files.config is None or not tensors:
        raise SubmissionError(f"{adapter}: nothing here can be repaired: {'; '.join(before.violations)}")
    with files.config.open("rb") as stream:
        config, _ = parse_config(stream.read(MAX_CONFIG_BYTES + 1))
    if not config:
        raise SubmissionError(f"{adapter}: nothing here can be repaired: {'; '.join(before.violations)}")
    return config, tensors


@dataclass
class _Plan:
    """What is to be written, from what is there."""

    config: dict[str, Any]
    layout: Layout
    tensors_there: Mapping[str, TensorHeader]
    base: BaseModules
    max_rank: int

    def __post_init__(self) -> None:
        self.pairs = pairs_of(self.layout, self.tensors_there, self.base)
        self.scales = Scales(self.config, [pair.pattern_name or name for name, pair in self.pairs.items()])
        ranks = [pair.rank for pair in self.pairs.values()]
        asked = self.config.get("r")
        common = max(ranks, default=0)
        self.scale = scaling(self.config)
        self.is_scaled = math.isfinite(self.scale) and self.scale > 0 and 1 <= common <= self.max_rank
        self.rank = max(common, asked) if type(asked) is int and asked <= self.max_rank else common
        self.rescales_experts = self.config.get("use_rslora") is True and any(map(expert_path, self.pairs))
        if self.is_scaled:
            self.pairs = {name: self._fitted(name, pair) for name, pair in self.pairs.items()} | self._missing()

    def tensors(self) -> dict[str, Written]:
        """Every tensor under its right name."""
        used = {name for pair in self.pairs.values() for name in (*pair.a.names, *pair.b.names)}
        written = {}
        for name, tensor in self.tensors_there.items():
            if name not in used and not self._is_dropped(name):
                written[name] = _as_it_is(tensor)
        for module, pair in self.pairs.items():
            for side, factor in (("A", pair.a), ("B", pair.b)):
                written[self._name(module, side, factor)] = self._written(factor)  # type: ignore[arg-type]
        return dict(sorted(written.items()))

    def new_config(self) -> dict[str, Any]:
        """The config that belongs to them."""
        config = {name: value for name, value in self.config.items() if name in KNOWN}
        if self.is_scaled:
            if self.rank != config.get("r") or self.rescales_experts:
                alpha = self.scale * self.rank
                config |= {"r": self.rank, "lora_alpha": int(alpha) if alpha == int(alpha) else alpha, "use_rslora": False}
            config |= {name: {} for name in PATTERNS if name in config and name not in self.scales.problems}
        if config.get("target_parameters") and not self._still_stacked():
            config["target_parameters"] = None
        if (kind := config.get("peft_type")) is None or is_lora(kind):
            config["peft_type"] = "LORA"
        if config.get("fan_in_fan_out"):
            config["fan_in_fan_out"] = False
        if self.pairs:
            config["target_modules"] = self._targets()
        return config

    def _fitted(self, name: str, pair: Pair) -> Pair:
        own = self.scales.scale(pair.pattern_name or name)
        outputs, inputs = pair.b.shape[0], pair.a.shape[1]
        folded = pair.b.times(own / self.scale) if math.isfinite(own) else pair.b
        return Pair(pair.a.padded(self.rank, inputs), folded.padded(outputs, self.rank), pair.pattern_name)

    def _missing(self) -> dict[str, Pair]:
        paths = {path for module in self.pairs if (path := expert_path(module))}
        every = [f"{path}.{part}" for path in paths for part in self.base.experts(path)]
        dtype = next(iter(self.pairs.values())).a.dtype if self.pairs else "F32"
        return {module: zero_pair(self.base.shapes[module], self.rank, dtype) for module in every if module not in self.pairs}

    def _targets(self) -> list[str]:
        """For each module the shortest end of its name that no module has which is not adapted: `q_proj`, `experts.7.up_proj`."""
        left, names = set(self.pairs), set()
        for parts in range(1, 1 + max(name.count(".") + 1 for name in self.pairs)):
            others = {_end(name, parts) for name in self.base.shapes if name not in self.pairs}
            listed = {name for name in left if _end(name, parts) not in others}
            names |= {_end(name, parts) for name in listed}
            left -= listed
        return sorted(names)

    def _is_dropped(self, name: str) -> bool:
        if any(name in self.layout.broken.get(rule, ()) for rule in TENSORS_TO_DROP):
            return True
        # Under its own prefix PEFT reads a tensor into the base model, such as an embedding that grew.
        is_part = name.startswith(PREFIX) or "lora" in name or any(self.config.get(field) for field in CHANGED_BY)
        return name in self.layout.broken.get("extra-tensor", ()) and not is_part

    def _still_stacked(self) -> bool:
        used = {name for pair in self.pairs.values() for name in (*pair.a.names, *pair.b.names)}
        return any(name not in used for name in self.layout.broken.get("fused-experts", ()))

    def _name(self, module: str, side: Side, factor: Factor) -> str:
        """The name that it had, where that is right: NemotronH's two prefixes both are."""
        right = key_of(module, side)
        had = factor.names[0] if factor.names else right
        same = had.startswith(PREFIX) and PREFIX + self.base.family.module(had.removeprefix(PREFIX)) == right
        return had if same else right

    def _written(self, factor: Factor) -> Written:
        dtype = factor.dtype if factor.dtype in WRITERS else "F32"
        return Written(dtype, factor.shape, lambda: WRITERS[dtype](factor.read()))


def _end(module: str, parts: int) -> str:
    return ".".join(module.split(".")[-parts:])


def _as_it_is(tensor: TensorHeader) -> Written:
    return Written(tensor.dtype, tensor.shape, tensor.chunks)


def _repaired(before: Checkup, after: Checkup) -> Iterable[str]:
    left = {finding.rule for finding in after.findings}
    return (f"{finding.rule}: {finding.subjects[0]}: {finding.repair}" for finding in before.findings if finding.rule not in left)
