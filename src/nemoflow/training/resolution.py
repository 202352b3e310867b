"""Which modules an adapter would train, told from a model's headers before a weight is read; `targets.py` tells it of the loaded model.

Names are matched as PEFT matches them: a list by the ends of the modules' paths, a string as a regular expression over the whole
path, `all-linear` for every Linear module but the head. `auto` is all of these that PEFT takes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from nemoflow.errors import ConfigError
from nemoflow.models.families import FAMILIES
from nemoflow.models.modules import HEAD, ROUTERS, Linear, ModelModules, Stack
from nemoflow.training.targets import AUTO, LIKE_MIXTRAL, LIKE_QWEN2_MOE, TOWERS, Refusal, is_target, refusal_of

ALL_LINEAR = "all-linear"
UNQUANTISED = frozenset({"lm_head", "out_proj"})
"""Left alone by 4 bits: the head for quality, `out_proj` because mamba's fused kernel reads its weight raw."""

Wanted = str | Sequence[str]
Fate = Literal["trained", "left", "refused", "no module"]
"""What becomes of the modules of one kind; routed experts and routers are no module that PEFT knows by a name."""


@dataclass(frozen=True)
class KindRow:
    """All modules of one path within a layer."""

    kind: str
    modules: int
    matched: int
    shape: tuple[int, ...]
    """[outputs, inputs], of experts [experts, outputs, inputs]; of the largest where layers differ."""
    fate: Fate
    trained: int
    """Parameters of the adapter."""
    parameters: int
    """Parameters of the base."""
    is_quantised: bool
    """Held in 4 bits where train.quantization is nf4."""


@dataclass(frozen=True)
class Resolution:
    """What names come to on one model."""

    modules: ModelModules
    wanted: Wanted
    rank: int
    with_experts: bool = False
    """Also a LoRA on each routed expert (train.experts)."""

    @cached_property
    def refusal(self) -> Refusal:
        """Last parts that do not become adapters on this type of model."""
        return refusal_of(self.modules.model_type)

    @cached_property
    def reachable(self) -> tuple[Linear, ...]:
        """Linear modules that rows of text reach; `train` leaves the others out."""
        return tuple(linear for linear in self.modules.linears if not re.fullmatch(TOWERS, linear.name))

    @cached_property
    def there(self) -> tuple[str, ...]:
        """Names that can be targets."""
        return tuple(sorted({linear.last for linear in self.reachable if is_target(linear.last, self.refusal)}))

    @property
    def adapts_experts(self) -> bool:
        """Whether train.experts would adapt this model's routed experts."""
        family = FAMILIES.get(self.modules.model_type)
        return bool(self.modules.stacks) and family is not None and family.adapts_experts

    @cached_property
    def named(self) -> tuple[Linear, ...]:
        """Linear modules that the names match, whether PEFT takes them or not."""
        return tuple(linear for linear in self.modules.linears if self._is_named(linear))

    @cached_property
    def matched(self) -> tuple[Linear, ...]:
        """Modules that get an adapter."""
        stacks = self.modules.stacks if self.with_experts and self.adapts_experts else ()
        return (*(linear for linear in self.named if linear.last not in self.refusal.names), *stacks)

    @cached_property
    def dead(self) -> tuple[str, ...]:
        """Names of the list that match no Linear module; PEFT skips them in silence."""
        if isinstance(self.wanted, str):
            return () if self.named else (self.wanted,)
        return tuple(name for name in self.wanted if not any(_ends(linear.name, name) for linear in self.reachable))

    @cached_property
    def refused(self) -> tuple[str, ...]:
        """Last parts of named modules that PEFT ends with an error for."""
        if self._lowered == AUTO:
            return ()
        if self._lowered == ALL_LINEAR and self.refusal.on_others and self.modules.stacks:
            return tuple(sorted(self.refusal.names))
        others = self._others if isinstance(self.wanted, str) and self.refusal.on_others else ()
        found = {linear.last for linear in self.named} | {
            path.rpartition(".")[2] for path in others if re.fullmatch(str(self.wanted), path)
        }
        return tuple(sorted(found & self.refusal.names))

    @cached_property
    def strays(self) -> tuple[str, ...]:
        """Paths of other modules that an expression matches too."""
        if not isinstance(self.wanted, str) or self._lowered in (AUTO, ALL_LINEAR):
            return ()
        return tuple(sorted(path for path in self.modules.others if re.fullmatch(self.wanted, path)))

    @property
    def trained(self) -> int:
        """Parameters of the adapter."""
        return sum(linear.lora(self.rank) for linear in self.matched)

    @property
    def quantisable(self) -> int:
        """Parameters of the base that `nf4` holds in 4 bits."""
        return sum(row.parameters for row in self.rows if row.is_quantised)

    @cached_property
    def reached(self) -> tuple[int, ...]:
        """Layers with at least one module that trains."""
        return tuple(sorted({linear.layer for linear in self.matched if linear.layer is not None}))

    @cached_property
    def missed(self) -> dict[str, int]:
        """Kinds of block that hold Linear modules of which none trains -> how many: `mixer (in_proj, out_proj)`: 23."""
        reached = {linear.block for linear in self.matched}
        blocks: dict[str, list[Linear]] = {}
        for linear in self.reachable:
            blocks.setdefault(linear.block, []).append(linear)
        found: dict[str, int] = {}
        for block, linears in blocks.items():
            if block not in reached:
                kind = f"{linears[0].kind.rpartition('.')[0]} ({', '.join(sorted(linear.last for linear in linears))})"
                found[kind] = found.get(kind, 0) + 1
        return found

    @property
    def suggested(self) -> tuple[str, ...]:
        """A list for this model: its family's, as far as it is there; of an unknown family, all that PEFT takes."""
        family = FAMILIES.get(self.modules.model_type)
        listed = family.suggested if family else ()
        return tuple(name for name in listed if name in self.there) or self.there

    @cached_property
    def rows(self) -> tuple[KindRow, ...]:
        """A row for each kind of module, in the order in which the layers hold them."""
        kinds: dict[str, list[Linear]] = {}
        for part in (*self.modules.linears, *self.modules.stacks, *([self.modules.head] if self.modules.head else [])):
            kinds.setdefault(part.kind, []).append(part)
        return tuple(self._row(kind, parts) for kind, parts in kinds.items())

    def need_sound(self, field: str = "train.targets") -> None:
        """ConfigError for names that match nothing or that PEFT refuses, and where nothing would train."""
        right = f"there are: {', '.join(self.there)}; suggested for {self.modules.model_type}: {', '.join(self.suggested)}; or 'auto'"
        if self.dead:
            raise ConfigError(f"{field}: {list(self.dead)} match no Linear module of {self.modules.model_type}{self._why_dead()}; {right}")
        if self.refused:
            raise ConfigError(f"{field}: {list(self.refused)} {self.refusal.says.format(self.modules.model_type)}; {right}")
        if self.strays:
            raise ConfigError(
                f"{field}: {self.wanted!r} also matches {self.strays[0]!r}, which is no Linear module: PEFT refuses it, or trains what no "
                f"runtime reads; an expression that ends in names is right; {right}"
            )
        if self.with_experts and not self.adapts_experts:
            raise ConfigError(
                f"train.experts: {self.modules.model_type} has no routed experts that take an adapter; nemotron_h with E layers has"
            )
        if not self.matched:
            raise ConfigError(f"{field}: {self.wanted!r} matches nothing in {self.modules.model_type}; {right}")

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "model_type": self.modules.model_type,
            "parameters": self.modules.parameters,
            "wanted": self.wanted if isinstance(self.wanted, str) else list(self.wanted),
            "rank": self.rank,
            "trained": self.trained,
            "share": self.trained / self.modules.parameters,
            "modules": len(self.matched),
            "layers": len(self.modules.layers),
            "layers_reached": len(self.reached),
            "dead": list(self.dead),
            "refused": list(self.refused),
            "missed": self.missed,
            "suggested": list(self.suggested),
            "quantisable": self.quantisable,
            "kinds": [row.__dict__ | {"shape": list(row.shape)} for row in self.rows],
        }

    @property
    def _lowered(self) -> str:
        return self.wanted.lower() if isinstance(self.wanted, str) else ""

    def _is_named(self, linear: Linear) -> bool:
        if self._lowered == ALL_LINEAR:
            return True
        if self._lowered == AUTO:
            return linear in self.reachable and not linear.last.isdigit()
        if isinstance(self.wanted, str):
            return linear.last in self._matched_ends if self._is_widened else re.fullmatch(self.wanted, linear.name) is not None
        return linear in self.reachable and any(_ends(linear.name, name) for name in self.wanted)

    @property
    def _is_widened(self) -> bool:
        """PEFT makes of an expression the last parts of what it matches, in every layer, where it also looks for routed experts."""
        return self.modules.model_type in LIKE_QWEN2_MOE | LIKE_MIXTRAL

    @cached_property
    def _matched_ends(self) -> frozenset[str]:
        return frozenset(linear.last for linear in self.modules.linears if re.fullmatch(str(self.wanted), linear.name))

    @cached_property
    def _others(self) -> tuple[str, ...]:
        """Paths that PEFT also asks an expression about: routed experts' matrices by either name, and routers."""
        stacks = self.modules.stacks
        parts = (f"{stack.block}.{part}" for stack in stacks for part in (stack.last, *stack.parts))
        return (*parts, *(f"{stack.block.rpartition('.')[0]}.{router}" for stack in stacks for router in ROUTERS))

    def _row(self, kind: str, parts: list[Linear]) -> KindRow:
        matched = [part for part in parts if part in self._matched_set]
        largest = max(parts, key=lambda part: part.parameters)
        shape: tuple[int, ...] = (largest.outputs, largest.inputs)
        return KindRow(
            kind=kind,
            modules=len(parts),
            matched=len(matched),
            shape=(largest.experts, *shape) if isinstance(largest, Stack) else shape,
            fate=self._fate(largest, bool(matched)),
            trained=sum(part.lora(self.rank) for part in matched),
            parameters=0 if largest is self.modules.head and self.modules.is_tied else sum(part.parameters for part in parts),
            is_quantised=is_quantised(largest),
        )

    @cached_property
    def _matched_set(self) -> frozenset[Linear]:
        return frozenset(self.matched)

    def _fate(self, part: Linear, is_matched: bool) -> Fate:
        if is_matched:
            return "trained"
        if isinstance(part, Stack):
            return "no module"
        return "refused" if part.last in self.refusal.names else "left"

    def _why_dead(self) -> str:
        """Of a dead name that is the head or one of the routed experts' matrices: why it matches nothing."""
        parts = {name for stack in self.modules.stacks for name in (stack.last, *stack.parts)}
        of_experts = [name for name in self.dead if name.rpartition(".")[2] in parts]
        if HEAD in self.dead:
            return f" ({HEAD}: TRL's loss reads the head's own weight, so an adapter on it would stay at zero)"
        if not of_experts:
            return ""
        more = ": train.experts adapts them" if self.adapts_experts else ""
        return f" ({', '.join(of_experts)} are routed experts' matrices, 3-D parameters in memory{more})"


def resolve(modules: ModelModules, wanted: Wanted, rank: int, with_experts: bool = False) -> Resolution:
    """What `wanted` comes to; ConfigError for a string that is no regular expression."""
    if isinstance(wanted, str):
        try:
            re.compile(wanted)
        except re.error as error:
            raise ConfigError(
                f"targets: {wanted!r} is no regular expression: {error}; a list of names, 'auto' or 'all-linear' is right"
            ) from None
    return Resolution(modules, wanted, rank, with_experts)


def is_quantised(part: Linear) -> bool:
    """Whether `nf4` holds it in 4 bits."""
    return part.is_quantisable if isinstance(part, Stack) else part.last not in UNQUANTISED


def warnings_of(resolution: Resolution) -> Iterator[str]:
    """What loads and trains and is still worth a look."""
    beyond = len(resolution.modules.linears) - len(resolution.reachable)
    if beyond:
        yield f"{beyond} modules see or hear; rows are text and never reach them, so training leaves them as they are"
    layers, reached = len(resolution.modules.layers), len(resolution.reached)
    if reached < layers:
        yield f"only {reached} of {layers} layers train ({reached / layers:.0%})"
    for kind, count in resolution.missed.items():
        yield f"{count} blocks {kind} get no adapter"
    stacks = resolution.modules.stacks
    if stacks and not resolution.with_experts:
        held = sum(stack.parameters for stack in stacks)
        yield f"{held:,} parameters of routed experts ({held / resolution.modules.parameters:.0%} of the model) stay as they are"


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith(f".{name}")
