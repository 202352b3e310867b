"""Would the contest's runtime load this adapter? Everything that can be known without a GPU and without vLLM.

`examine(adapter, base, max_rank=32)` gives a Checkup: its `violations` say what would be refused or load as something else
(tensor and rule), its `warnings` what loads but is worth a look, such as modules that training never reached.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError, SubmissionError
from nemoflow.models.families import family_of
from nemoflow.models.headers import TensorHeader, read_config, read_folder, read_header
from nemoflow.submission.config_rules import config_violations, config_warnings, read_adapter_config, scaling
from nemoflow.submission.tensor_rules import (
    WEIGHTS,
    BaseModules,
    Pairs,
    expert_violations,
    module_violations,
    number_violations,
    pair_up,
)

SHOWN = 5


@dataclass(frozen=True)
class Checkup:
    """What was found out about an adapter."""

    config: Mapping[str, Any]
    tensors: int
    parameters: int
    modules: int
    dead: tuple[str, ...]
    """Modules whose lora_A or lora_B is all zeros: they change nothing."""
    dtypes: tuple[str, ...]
    violations: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def rank(self) -> int:
        """Rank of every module."""
        return int(self.config["r"])

    @property
    def scale(self) -> float:
        """Factor on B A."""
        return scaling(self.config)

    def require_sound(self, adapter: Path) -> None:
        """SubmissionError with the first violations, where there are any."""
        if not self.violations:
            return
        more = len(self.violations) - SHOWN
        tail = f"; and {more} more" if more > 0 else ""
        raise SubmissionError(f"{adapter}: the contest's runtime would not take it: {'; '.join(self.violations[:SHOWN])}{tail}")


def examine(adapter: Path, base: Path, max_rank: int) -> Checkup:
    """Read the adapter whole and the base model's headers, and apply every rule."""
    config = read_adapter_config(adapter)
    family = family_of(read_config(base)["model_type"])
    modules = BaseModules.of(family, read_folder(base).values())
    tensors = _read_weights(adapter)
    pairs, violations = pair_up(tensors, family)
    rank = config.get("r")
    violations = [*config_violations(config, max_rank), *violations]
    if type(rank) is int:
        violations += module_violations(pairs, modules, rank)
    violations += expert_violations(pairs, modules)
    zeros, broken = number_violations(tensors.values())
    dead = tuple(module for module, sides in pairs.items() if any(tensor.name in zeros for tensor in sides.values()))
    return Checkup(
        config=config,
        tensors=len(tensors),
        parameters=sum(tensor.parameters for tensor in tensors.values()),
        modules=len(pairs),
        dead=dead,
        dtypes=tuple(sorted({tensor.dtype for tensor in tensors.values()})),
        violations=(*violations, *broken),
        warnings=(*config_warnings(config), *_target_warnings(config, pairs), *_dead_warnings(dead, pairs)),
    )


def _read_weights(adapter: Path) -> dict[str, TensorHeader]:
    path = adapter / WEIGHTS
    if not path.exists():
        found = sorted(file.name for file in adapter.iterdir()) if adapter.is_dir() else []
        raise SubmissionError(f"{path}: no such file; the folder holds {', '.join(found) or 'nothing'}; save the adapter as safetensors")
    try:
        tensors = read_header(path)
    except InputError as error:
        raise SubmissionError(str(error)) from None
    if not tensors:
        raise SubmissionError(f"{path}: holds no tensors; nothing was trained or saved")
    return tensors


def _target_warnings(config: Mapping[str, Any], pairs: Pairs) -> list[str]:
    targets = config.get("target_modules")
    if not isinstance(targets, list):
        return []
    idle = [target for target in targets if not any(module == target or module.endswith(f".{target}") for module in pairs)]
    if not idle:
        return []
    return [f"target_modules names {', '.join(map(repr, idle))}, but the adapter holds no such tensor; PEFT skips such names silently"]


def _dead_warnings(dead: tuple[str, ...], pairs: Pairs) -> list[str]:
    if not dead:
        return []
    return [f"{len(dead)} of {len(pairs)} modules are dead (all zeros), such as {dead[0]}: training never reached them"]
