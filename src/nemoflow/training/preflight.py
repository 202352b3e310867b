"""What is known of a training run before a weight is read: the table of its targets, and what it takes of a GPU."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from nemoflow.errors import ConfigError, InputError
from nemoflow.models.families import FAMILIES
from nemoflow.models.modules import ModelModules, read_modules
from nemoflow.records import Example
from nemoflow.training.data_check import Looked, check_rows
from nemoflow.training.gpus import Gpu, gpu_of
from nemoflow.training.plan import GIB, SHOWN_GIB, Plan, Setting, need_fit
from nemoflow.training.resolution import KindRow, Resolution, Wanted, resolve, warnings_of
from nemoflow.training.targets import WITH_MAMBA

TARGETS = "targets.json"
CHECKED = 64
"""Rows whose tokens are looked at before training; all rows are with `nemoflow doctor data`."""
WITH_CONV1D = frozenset({"gpt2", "openai-gpt"})
"""Types whose matrices lie as [inputs, outputs] in modules that are no Linear modules."""
READ_QUANTISED = frozenset({"fp8", "mxfp4"})
"""Ways in which a base may be quantised on disk, and is read without a package that is not installed."""
_WIDTHS = "{:<30} {:>7} {:>21} {:>13} {:>16} {:>8}  {}"
_FATES = {"trained": "trains", "left": "left as it is", "refused": "refused by PEFT", "no module": "3-D parameter, left as it is"}


def setting_of(recipe: Mapping[str, Any], longest: int = 0) -> Setting:
    """What of the step's config decides memory and time; `longest` is the longest row's tokens where they are known."""
    length = recipe["max_length"]
    return Setting(
        length=length if recipe["packing"] and not recipe["batch_tokens"] else min(longest or length, length),
        rows=recipe["micro_batch"],
        batch_tokens=recipe["batch_tokens"],
        accumulation=recipe["accumulation"],
        precision=recipe["precision"],
        quantization=recipe["quantization"],
        checkpointing=recipe["activation_checkpointing"],
        dropout=recipe["dropout"],
        processes=recipe.get("processes", 1),
        sharding=recipe.get("sharding", "none"),
    )


def plan_of(modules: ModelModules, recipe: Mapping[str, Any], longest: int = 0) -> Plan:
    """The plan of a recipe on a model; ConfigError for targets that are no regular expression."""
    resolution = resolve(modules, recipe["targets"], recipe["r"], bool(recipe.get("experts")))
    return Plan(resolution, setting_of(recipe, longest))


def read_base(folder: Path, quantization: str) -> ModelModules:
    """The modules of a base; InputError or ConfigError where transformers would not load it, or not for an adapter."""
    modules = read_modules(folder)
    kind = modules.model_type
    if kind in WITH_CONV1D:
        raise InputError(f"{folder}: the matrices of {kind} are Conv1D modules, which adapters here do not go on; a newer model is right")
    if kind not in FAMILIES and kind not in _causal():
        raise InputError(
            f"{folder / 'config.json'}: model_type {kind!r} is none that transformers {version('transformers')} loads as a causal language "
            "model; code that comes with a model (auto_map) is not run"
        )
    quantised = modules.config.get("quantization_config")
    if quantised:
        _need_readable(folder, str(quantised.get("quant_method")) if isinstance(quantised, Mapping) else str(quantised), quantization)
    return modules


def _causal() -> Iterable[str]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return dict(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def _need_readable(folder: Path, method: str, quantization: str) -> None:
    if quantization != "none" or method not in READ_QUANTISED:
        also = ", or 'none', which takes it as it is" if method in READ_QUANTISED else ""
        raise ConfigError(
            f"train.quantization: {quantization!r} on {folder}, which is quantised already (quantization_config of its config.json: "
            f"{method}); the model in bf16 is right, which is quantised while it is loaded{also}"
        )


@dataclass(frozen=True)
class Preflight:
    """What was seen before training."""

    recipe: Mapping[str, Any]
    modules: ModelModules
    looked: Looked
    gpu: Gpu | None
    """None without one, or with one that is not known."""

    @property
    def resolution(self) -> Resolution:
        """What the recipe's targets come to."""
        return plan_of(self.modules, self.recipe).resolution

    def write(self, folder: Path) -> None:
        """`targets.json` beside the adapter: what trains and what does not, as the report shows it."""
        (folder / TARGETS).write_bytes(orjson.dumps(self.resolution.to_json(), option=orjson.OPT_INDENT_2))

    def need_room(self, longest: int) -> None:
        """ConfigError with what would fit, where the GPU here cannot hold rows of so many tokens."""
        if self.gpu is not None:
            need_fit(plan_of(self.modules, self.recipe, longest), self.gpu)

    def lines(self, longest: int) -> Iterator[str]:
        """For a reader: the table of targets, the plan, the rows."""
        plan = plan_of(self.modules, self.recipe, longest)
        yield from table(plan.resolution, self.recipe["quantization"])
        if self.gpu is not None:
            yield from plan_lines(plan, self.gpu)
        if plan.resolution.modules.model_type in WITH_MAMBA and self.gpu is not None and find_spec("mamba_ssm") is None:
            yield "look: mamba_ssm is not installed: transformers' own path takes several times the time and memory of its kernels"
        yield from self.looked.lines()


def preflight(base: Path, tokenizer: Any, examples: Iterable[Example], recipe: Mapping[str, Any], where: str) -> Preflight:
    """Look before weights are read; ConfigError for dead or refused targets, InputError for rows in another form than evaluation's.

    Tokens of the first CHECKED rows are looked at and the text of all; `where` is the corpus in errors.
    """
    modules = read_base(base, recipe["quantization"])
    need_names(recipe["targets"])
    plan_of(modules, recipe).resolution.need_sound()
    looked = check_rows(tokenizer, examples, recipe["max_length"], recipe["learn_outputs"], tokenised=CHECKED)
    looked.need_structure(where)
    return Preflight(recipe, modules, looked, gpu_here())


def need_names(targets: Wanted) -> None:
    """ConfigError for paths among the targets of a training, which are matched by their last parts."""
    paths = [] if isinstance(targets, str) else [name for name in targets if "." in name]
    if paths:
        raise ConfigError(f"train.targets: {paths[0]!r} is a path; its last part is right: {paths[0].rpartition('.')[2]!r}")


def gpu_here() -> Gpu | None:
    """The first GPU's class with its own memory; None without one, or with one that is not known."""
    import torch

    if not torch.cuda.is_available():
        return None
    found = torch.cuda.get_device_properties(0)
    return gpu_of(found.name, found.total_memory / GIB)


def table(resolution: Resolution, quantization: str) -> Iterator[str]:
    """A line for each kind of module, then what they come to and what is worth a look."""
    yield _WIDTHS.format("module", "matched", "shape", "adapter", "base", "held in", "").rstrip()
    for row in resolution.rows:
        yield _line(row, quantization)
    modules = resolution.modules
    share = resolution.trained / modules.parameters
    yield (
        f"{len(resolution.matched)} modules in {len(resolution.reached)} of {len(modules.layers)} layers of {modules.model_type} train: "
        f"{resolution.trained:,} parameters at rank {resolution.rank}, {share:.3%} of the base's {modules.parameters:,}"
    )
    if modules.routers:
        yield f"{modules.routers} routers stay as they are, in full precision"
    for warning in warnings_of(resolution):
        yield f"look: {warning}"


def plan_lines(plan: Plan, gpu: Gpu) -> Iterator[str]:
    """What it takes of this GPU."""
    parts = ", ".join(f"{name} {gib:.1f}" for name, gib in plan.parts().items() if gib >= SHOWN_GIB)
    each = f"each of {plan.setting.processes} {gpu.name}" if plan.setting.processes > 1 else gpu.name
    yield f"about {plan.total:.1f} of {gpu.memory_gib:.1f} GiB on {each} with {plan.setting.tokens:,} tokens at once: {parts}"
    yield (
        f"about {plan.tokens_per_second(gpu):,.0f} tokens/s and {plan.step_seconds(gpu):.1f} s a step: {plan.flops / 1e9:.1f} GFLOP a "
        f"token ({plan.active / 1e9:.2f} billion active parameters) at {plan.share:.0%} of {gpu.tflops:.0f} TFLOP/s"
    )


def _line(row: KindRow, quantization: str) -> str:
    held = "nf4" if row.is_quantised and quantization == "nf4" else "full"
    return _WIDTHS.format(
        row.kind,
        f"{row.matched}/{row.modules}",
        "x".join(map(str, row.shape)),
        f"{row.trained:,}" if row.trained else "-",
        f"{row.parameters:,}",
        held,
        _FATES[row.fate],
    ).rstrip()
