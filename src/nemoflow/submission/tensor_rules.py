"""Rules for the adapter's tensors: names, pairs, shapes and ranks against the base model's own headers, then the numbers."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nemoflow.models.headers import TensorHeader
from nemoflow.submission.base import EMBEDDINGS, STACKED, BaseModules, Shape, Stack, expert_path
from nemoflow.submission.config_rules import shown
from nemoflow.submission.keys import PREFIX, Place, Side, parts_of, place_of, stack_of
from nemoflow.submission.numbers import READERS, Numbers, measure
from nemoflow.submission.patterns import PatternError, first_fits, tails
from nemoflow.submission.rules import Finding, found

LOADED = frozenset({"F32", "BF16", "F16"})
WIDE = frozenset({"F64"})

FAR = 30.0
"""An update this many times larger than the median of its kind is worth a look."""
LARGE = 10.0
"""So is one whose numbers may be this large (root of the mean square); a model's own weights have 0.01 to 0.1."""
MOST = 0.8
"""Where more of the modules than this are strangers, the model is another one; its output head may still fit."""
ENOUGH = 4
"""Modules of a kind that a median is taken of."""

LONGEST = 1_000
"""Characters of a name that is looked at."""

Sides = dict[Side, TensorHeader]


@dataclass
class Layout:
    """An adapter's tensors in their places."""

    pairs: dict[str, Sides] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Rule -> tensors whose name breaks it."""

    def add(self, tensor: TensorHeader, place: Place | str) -> None:
        """Put one tensor where it belongs."""
        if isinstance(place, str):
            self.broken[place].append(tensor.name)
            return
        if place.rule:
            self.broken[place.rule].append(tensor.name)
        sides = self.pairs.setdefault(place.module, {})
        if place.side in sides:
            self.broken["same-module"].append(tensor.name)
        else:
            sides[place.side] = tensor


def lay_out(tensors: Mapping[str, TensorHeader], base: BaseModules) -> Layout:
    """Every tensor in its place."""
    layout = Layout()
    for name, tensor in sorted(tensors.items()):
        layout.add(tensor, place_of(name, base) if len(name) <= LONGEST else "extra-tensor")
    return layout


def name_findings(layout: Layout, base: BaseModules, trained_on: str) -> Iterator[Finding]:
    """What is wrong with the names; an adapter of another model gets one finding, not thousands."""
    strangers = [module for module in layout.pairs if module not in base.shapes]
    broken = dict(layout.broken)
    odd = {name for rule in ("fused-projections", "foreign-names") for name in broken.get(rule, ())}
    named_otherwise = (
        {module for module, sides in layout.pairs.items() if odd & {tensor.name for tensor in sides.values()}} if odd else set()
    )
    strangers = [module for module in strangers if module not in named_otherwise]
    if len(strangers) > MOST * len(layout.pairs) and broken.get("module-unknown"):
        known = min((name for name in base.shapes if "layers." in name), default="(none)")
        value = (
            f"{len(strangers):,} of its {len(layout.pairs):,} modules are not in this {base.family.model_type}, whose are such as {known}"
        )
        yield found("wrong-base", broken.pop("module-unknown"), value + trained_on)
    for rule, names in broken.items():
        if rule == "fused-experts" and base.family.model_type in STACKED:
            stacked = [name for name in names if stack_of(name, base)]
            others = [name for name in names if name not in set(stacked)]
            yield from [found("stacked-experts", stacked, "stacked experts")] if stacked else []
            yield from [found(rule, others, "vLLM takes experts.base_layer.lora_A and experts.lora_A of this family")] if others else []
        else:
            yield found(rule, names, _said_of(rule, names, base))
    if not base.is_known:
        yield found("family-unknown", "config.json", f"model_type {base.family.model_type!r}")
    if any(module.rpartition(".")[2] in EMBEDDINGS for module in layout.pairs):
        yield found("embedding", [name for name in layout.pairs if name.rpartition(".")[2] in EMBEDDINGS], "LoRA on the embedding")
    if base.is_tied and "lm_head" in layout.pairs:
        yield found("tied-head", "lm_head", "tie_word_embeddings is true")


def shape_findings(layout: Layout, base: BaseModules, ranks: Mapping[str, Any], max_rank: int, trained_on: str) -> Iterator[Finding]:
    """Pairs that are not whole, or not of the base model's shapes, or not of the rank that the config gives their module."""
    wrong: dict[str, dict[str, str]] = defaultdict(dict)
    for module, sides in layout.pairs.items():
        if len(sides) == 1:
            ((side, tensor),) = sides.items()
            wrong["half-pair"][tensor.name] = f"has no lora_{'B' if side == 'A' else 'A'} beside it"
        if module in base.shapes:
            for side, tensor in sides.items():
                rule, said = _shape_rule(side, tensor, base.shapes[module], ranks[module], max_rank)
                if rule:
                    wrong[rule][tensor.name] = f"{said}, in {module}"
    misshapen = {**wrong["shape"], **wrong["transposed"]}
    strangers = [module for module, sides in layout.pairs.items() if any(tensor.name in misshapen for tensor in sides.values())]
    if wrong["shape"] and len(strangers) > len(layout.pairs) / 2 and len(layout.pairs) > 1:
        yield found("wrong-base", list(misshapen), f"{next(iter(misshapen.values()))}{trained_on}")
        wrong["shape"], wrong["transposed"] = {}, {}
    for rule, tensors in wrong.items():
        if tensors:
            yield found(rule, list(tensors), next(iter(tensors.values())))


def expert_findings(layout: Layout, base: BaseModules) -> Iterator[Finding]:
    """Routed experts of a layer that lack a part."""
    for path in sorted({path for module in layout.pairs if (path := expert_path(module))}):
        every = [f"{path}.{part}" for part in base.experts(path)]
        missing = [module for module in every if module not in layout.pairs]
        if missing:
            yield found("experts-missing", missing, f"{len(missing)} of the {len(every)} matrices of {path} have no lora_A and lora_B")


def stacked_findings(layout: Layout, tensors: Mapping[str, TensorHeader], base: BaseModules, rank: Any) -> Iterator[Finding]:
    """Experts that vLLM takes stacked: both matrices of a layer, each with A (experts r, inputs) and B (outputs, experts r)."""
    if base.family.model_type not in STACKED:
        return
    seen: dict[str, dict[tuple[str, Side], str]] = defaultdict(dict)
    for name in layout.broken.get("fused-experts", ()):
        if place := stack_of(name, base):
            seen[place[0]][place[1:]] = name
    wrong: dict[str, dict[str, str]] = defaultdict(dict)
    for path, sides in seen.items():
        stack = base.stacks.get(path)
        if stack is None:
            wrong["module-unknown"] |= dict.fromkeys(sides.values(), f"the base model has no stacked experts at {path}")
            continue
        for (part, side), name in sides.items():
            if (part, "B" if side == "A" else "A") not in sides:
                wrong["half-pair"][name] = f"has no lora_{'B' if side == 'A' else 'A'} beside it"
            if part in stack.shapes:
                rule, said = _stack_rule(side, tensors[name].shape, stack, part, rank)
                if rule:
                    wrong[rule][name] = f"{said}, for {part} of the {stack.count} experts of {path}"
        if len({part for part, _ in sides}) == 1:
            wrong["experts-missing"] |= dict.fromkeys(
                sides.values(), "the adapter has one matrix of these experts; vLLM wants gate_up_proj and down_proj"
            )
    for rule, names in wrong.items():
        yield found(rule, list(names), next(iter(names.values())))


def _stack_rule(side: Side, shape: tuple[int, ...], stack: Stack, part: str, rank: Any) -> tuple[str, str]:
    outputs, inputs = stack.shapes[part]
    rows = stack.count * rank if type(rank) is int else "experts r"
    expected = f"a matrix {[rows, inputs] if side == 'A' else [outputs, rows]} was expected, got {list(shape)}"
    if len(shape) != 2 or 0 in shape:
        return ("dimensions" if len(shape) > 2 else "ungathered"), expected
    along, across = (shape[1], shape[0]) if side == "A" else shape
    if along != (inputs if side == "A" else outputs) or across % stack.count:
        return "shape", expected
    return ("tensor-rank", expected) if across != rows and type(rank) is int else ("", "")


def target_findings(targets: object, layout: Layout, base: BaseModules) -> Iterator[Finding]:
    """Names to adapt for which there is nothing."""
    if layout.broken.get("fused-experts") or not any(module in base.shapes for module in layout.pairs):
        return
    if isinstance(targets, str) and targets and targets.lower() != "all-linear":
        problem = _target_problem(targets, layout, base)
        if problem:
            yield found("targets", "target_modules", f"{shown(targets)} {problem}")
    if not isinstance(targets, list) or not all(isinstance(name, str) for name in targets):
        return
    ends = {end for name in _names(layout, base) for end in tails(name)}
    idle = [name for name in targets if name not in ends]
    if idle and len(idle) < len(targets):
        yield found("target-idle", "target_modules", f"{', '.join(map(repr, idle[:8]))}: the adapter holds no such tensor")
    elif idle:
        yield found("targets", "target_modules", f"{shown(targets)} names none of the modules that the adapter holds")


def _names(layout: Layout, base: BaseModules) -> list[str]:
    """Whole names of modules, as the loaded model has them, as its files have them, and as the adapter that was trained on an older one.

    Experts are named as one module too, as they were adapted together.
    """
    names = set(layout.pairs)
    for disk, loaded in base.family.disk_prefixes.items():
        names |= {disk + name.removeprefix(loaded) for name in layout.pairs if name.startswith(f"{loaded}.")}
    names |= {tensor.name.removeprefix(PREFIX).partition(".lora_")[0] for sides in layout.pairs.values() for tensor in sides.values()}
    return sorted(names | {path for name in names if (path := expert_path(name))})


def _target_problem(pattern: str, layout: Layout, base: BaseModules) -> str:
    try:
        fits = first_fits([pattern], _names(layout, base))
    except PatternError as error:
        return str(error)
    return "" if any(fit is not None for fit in fits) else "fits the name of no module that the adapter holds"


@dataclass(frozen=True)
class Measured:
    """What the numbers say."""

    findings: tuple[Finding, ...]
    dead: tuple[str, ...]
    """Modules whose lora_A or lora_B is all zeros: they change nothing."""


def measure_all(tensors: Iterable[TensorHeader], layout: Layout, scale: float) -> Measured:
    """Read every number once."""
    numbers: dict[str, Numbers] = {}
    dtypes: dict[str, list[TensorHeader]] = defaultdict(list)
    for tensor in tensors:
        if tensor.dtype not in LOADED:
            dtypes["dtype-wide" if tensor.dtype in WIDE else "dtype"].append(tensor)
        if tensor.dtype in READERS:
            numbers[tensor.name] = measure(tensor)
    findings = [found(rule, [tensor.name for tensor in odd], f"dtype is {odd[0].dtype}") for rule, odd in dtypes.items()]
    infinite = [name for name, seen in numbers.items() if not seen.is_finite]
    if infinite:
        findings.append(found("not-finite", infinite, "holds NaN or infinity"))
    dead = tuple(module for module, sides in layout.pairs.items() if _is_dead(sides, numbers))
    return Measured((*findings, *_dead_findings(dead, layout), *_outliers(layout, numbers, dead, scale)), dead)


def _is_dead(sides: Sides, numbers: Mapping[str, Numbers]) -> bool:
    return any(tensor.name in numbers and numbers[tensor.name].is_zero for tensor in sides.values())


def _dead_findings(dead: tuple[str, ...], layout: Layout) -> Iterator[Finding]:
    if not dead:
        return
    if len(dead) == len(layout.pairs):
        yield found("all-dead", dead, f"all {len(dead):,} modules are zero")
        return
    every, lost = (Counter(module.rpartition(".")[2] for module in modules) for modules in (layout.pairs, dead))
    yield found("dead", dead, f"{', '.join(f'{count} of {every[kind]} {kind}' for kind, count in lost.items())} are all zeros")


def _outliers(layout: Layout, numbers: Mapping[str, Numbers], dead: tuple[str, ...], scale: float) -> Iterator[Finding]:
    """By the largest size that B A can have, |A| |B| scale, over the root of the matrix's entries."""
    sizes: dict[str, dict[str, float]] = defaultdict(dict)
    lost, factor = set(dead), abs(scale) if math.isfinite(scale) else 1.0
    for module, sides in layout.pairs.items():
        names = [tensor.name for tensor in sides.values() if tensor.name in numbers and numbers[tensor.name].is_finite]
        if len(names) == 2 and module not in lost and all(len(tensor.shape) == 2 for tensor in sides.values()):
            entries = sides["A"].shape[1] * sides["B"].shape[0]
            size = numbers[names[0]].norm * numbers[names[1]].norm * factor / max(entries, 1) ** 0.5
            sizes[module.rpartition(".")[2]][module] = size
    far: dict[str, float] = {}
    for kind in sizes.values():
        median = statistics.median(kind.values()) if len(kind) >= ENOUGH else float("inf")
        far |= {module: size for module, size in kind.items() if size > FAR * median or size > LARGE}
    if far:
        worst = max(far, key=lambda module: far[module])
        yield found("outlier", sorted(far, key=lambda module: -far[module]), f"up to {far[worst]:.3g} a weight")


def _shape_rule(side: Side, tensor: TensorHeader, shape: Shape, rank: Any, max_rank: int) -> tuple[str, str]:
    outputs, inputs = shape
    is_a = side == "A"
    wide = inputs if is_a else outputs
    expected = f"a matrix {[rank or 'r', inputs] if is_a else [outputs, rank or 'r']} was expected, got {list(tensor.shape)}"
    if len(tensor.shape) < 2 or 0 in tensor.shape:
        return "ungathered", expected
    if len(tensor.shape) != 2:
        return "dimensions", expected
    along, across = (tensor.shape[1], tensor.shape[0]) if is_a else tensor.shape
    if along != wide:
        is_turned = across == wide and along <= max_rank
        return ("transposed" if is_turned else "shape"), expected
    if across > max_rank:
        return "over-rank", f"has rank {across}, at most {max_rank} is taken"
    if type(rank) is int and across != rank:
        return "tensor-rank", f"has rank {across}, adapter_config.json says r = {rank}"
    return "", ""


def _said_of(rule: str, names: list[str], base: BaseModules) -> str:
    if rule in ("prefix", "key-name"):
        place = place_of(names[0], base)
        return f"stands for {place.module}" if isinstance(place, Place) else "stands for nothing"
    if rule == "fused-projections":
        place = place_of(names[0], base)
        return f"stands for {', '.join(parts_of(place.module, base))}" if isinstance(place, Place) else "stands for nothing"
    return {"module-unknown": f"the base model ({base.family.model_type}) has no such module"}.get(rule, f"{len(names):,} of them")
