"""The proof: vLLM loads the adapter, says something else than without it, and the same as PEFT.

vLLM runs in an environment of its own (`in_vllm.py`); PEFT, or where PEFT refuses the adapter the base model with B A added to its
weights, runs here. Both read the same random prompts; what is compared are the log-probabilities of vLLM's likeliest tokens.
"""

import json
import os
import random
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nemoflow.errors import ConfigError, InputError
from nemoflow.models.headers import read_config
from nemoflow.models.noise import hush_libraries
from nemoflow.submission import in_vllm
from nemoflow.submission.base import BaseModules
from nemoflow.submission.config_rules import Scales, parse_config
from nemoflow.submission.doctor import read_tensors
from nemoflow.submission.factors import deltas, pairs_of
from nemoflow.submission.files import open_adapter
from nemoflow.submission.rules import Finding, found
from nemoflow.submission.tensor_rules import lay_out

PROMPTS, LENGTH, TOP = 32, 24, 20
TOLERANCE = {"float32": 0.005, "bfloat16": 0.3}
"""How far a log-probability may be off; kernels of one model in BF16 differ by 0.1 and more."""
NOISE = 4.0
"""A difference counts that is so many times larger than that of the two engines on the bare base model."""
START_S = 3600.0
BY_PEFT, BY_ADDING = "PEFT", "B A added to the weights"

Said = list[dict[str, float]]


@dataclass(frozen=True)
class Distances:
    """Largest differences between log-probabilities."""

    change: float
    """vLLM with the adapter, and transformers without."""
    error: float
    """vLLM and PEFT, both with it."""
    noise: float
    """vLLM and transformers, both without."""


@dataclass(frozen=True)
class Here:
    """What this process says of each prompt's next token: log-probabilities, prompts x vocabulary."""

    bare: Any
    adapted: Any
    how: str
    """What put the adapter on."""


def prove(adapter: Path, base: Path, python: str, max_rank: int) -> Finding:
    """Load it and compare; ConfigError where vLLM or PEFT is not installed."""
    _need(python)
    dtype = _dtype()
    prompts = draw_prompts(int(read_config(base)["vocab_size"]))
    with open_adapter(adapter) as files:
        if files.config is None or len(files.weights) != 1:
            return found("load-failed", adapter.name, "there is no config with one file of weights to load")
        folder = files.config.parent
        said = _in_vllm(folder, base, python, max_rank, dtype, prompts)
        if isinstance(said, Finding):
            return said
        here = say_here(folder, base, dtype, prompts)
    distances = measure(said["base"], said["adapter"], here)
    return judge(distances, dtype, f"vLLM {said['vllm']}, {dtype}, against {here.how}", adapter.name)


def measure(base: Said, adapter: Said, here: Here) -> Distances:
    """The other side's answers without and with the adapter against this side's."""
    return Distances(
        change=_apart(adapter, _looked_up(here.bare, adapter)),
        error=_apart(adapter, _looked_up(here.adapted, adapter)),
        noise=_apart(base, _looked_up(here.bare, base)),
    )


def judge(distances: Distances, dtype: str, where: str, name: str) -> Finding:
    """What the distances mean."""
    value = (
        f"{where}: adapter and base differ by {distances.change:.3g}, vLLM and here with it by {distances.error:.3g},"
        f" without it by {distances.noise:.3g}"
    )
    if not distances.change > max(NOISE * distances.noise, 1e-6):
        return found("load-same", name, value)
    if not distances.error <= max(NOISE * distances.noise, TOLERANCE[dtype]):
        return found("load-other", name, value)
    return found("load-proved", name, value)


def _need(python: str) -> None:
    absent = [package for package in ("torch", "transformers", "peft") if find_spec(package) is None]
    if absent:
        raise ConfigError(f"--load compares with PEFT here, which lacks {', '.join(absent)}: pip install 'nemoflow[train]'")
    look = "import importlib.util as u, sys; sys.exit(u.find_spec('vllm') is None)"
    try:
        has_vllm = subprocess.run([python, "-c", look], capture_output=True).returncode == 0  # noqa: S603 - the caller's own Python
    except OSError as error:
        raise ConfigError(f"--python {python}: {error}") from None
    if not has_vllm:
        raise ConfigError(f"--python {python}: has no vLLM; name the interpreter of an environment that has one")


def _dtype() -> str:
    import torch

    return "bfloat16" if torch.cuda.is_available() else "float32"


def draw_prompts(vocabulary: int) -> list[list[int]]:
    """Random tokens, the same every time."""
    drawn = random.Random(0)
    return [[drawn.randrange(vocabulary) for _ in range(LENGTH)] for _ in range(PROMPTS)]


def _in_vllm(folder: Path, base: Path, python: str, max_rank: int, dtype: str, prompts: Sequence[list[int]]) -> dict[str, Any] | Finding:
    asked = {"base": str(base.resolve()), "adapter": str(folder.resolve()), "max_rank": max_rank, "dtype": dtype, "prompts": prompts}
    with tempfile.TemporaryDirectory(prefix="nemoflow-load-") as room:
        paths = [Path(room) / name for name in ("asked.json", "answer.json")]
        paths[0].write_text(json.dumps({**asked, "length": LENGTH, "top": TOP}))
        settings = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
        settings |= {} if "VLLM_CPU_KVCACHE_SPACE" in os.environ else {"VLLM_CPU_KVCACHE_SPACE": "1"}
        command = [python, "-I", in_vllm.__file__, *map(str, paths)]
        done = subprocess.run(  # noqa: S603 - the caller's own Python
            command, capture_output=True, text=True, cwd=room, env={**os.environ, **settings}, timeout=START_S
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"it ended with {done.returncode}"]
            raise ConfigError(f"--load: vLLM does not run the bare base model {base} here: {lines[-1][:600]}")
        answer: dict[str, Any] = json.loads(paths[1].read_text())
        return found("load-failed", folder.name, answer["error"][:600]) if "error" in answer else answer


def say_here(folder: Path, base: Path, dtype: str, prompts: Sequence[list[int]]) -> Here:
    """By transformers, without the adapter and with it: by PEFT, or where it refuses the adapter with B A added to the weights."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from nemoflow.models.expert_lora import holds_experts, load_adapter

    def load() -> Any:
        place = "auto" if dtype == "bfloat16" else None
        return AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype), device_map=place).eval()

    def say(model: Any) -> Any:
        return model(torch.tensor(prompts, device=model.device)).logits[:, -1].float().log_softmax(-1).cpu()

    hush_libraries()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        model = load()
        bare = say(model)
        try:
            put_on = load_adapter if holds_experts(folder) else PeftModel.from_pretrained
            return Here(bare, say(put_on(model, folder).eval()), BY_PEFT)
        except (ValueError, InputError):
            return Here(bare, say(add_products(load(), folder, base)), BY_ADDING)


def add_products(model: Any, folder: Path, base: Path) -> Any:
    """The model with every module's scaled B A added to its weights, an expert's to its slice of the stacked ones."""
    import torch

    modules = BaseModules.read(base)
    config, _ = parse_config((folder / "adapter_config.json").read_bytes())
    tensors, _ = read_tensors([folder / "adapter_model.safetensors"])
    pairs = pairs_of(lay_out(tensors, modules), tensors, modules)
    scales = Scales(config, pairs)
    for module, delta in deltas(pairs, lambda name, _: scales.scale(name)):
        weight = weight_of(model, module)
        with torch.no_grad():
            weight.add_(torch.tensor(delta, device=weight.device))
    return model.eval()


def weight_of(model: Any, module: str) -> Any:
    """A module's matrix in a model of transformers; an expert's is a slice of the stacked ones."""
    path, _, expert = module.partition(".experts.")
    if not expert:
        return model.get_submodule(module).weight
    number, part = expert.split(".")
    experts = model.get_submodule(f"{path}.experts")
    if part in ("gate_proj", "up_proj") and hasattr(experts, "gate_up_proj"):
        return experts.gate_up_proj[int(number)].chunk(2)[part == "up_proj"]
    return getattr(experts, part)[int(number)]


def _looked_up(here: Any, said: Said) -> Said:
    """This side's log-probabilities of the tokens that the other side names."""
    return [{token: float(here[row, int(token)]) for token in tokens} for row, tokens in enumerate(said)]


def _apart(one: Said, other: Said) -> float:
    """The largest difference."""
    return max(abs(here[token] - there[token]) for here, there in zip(one, other, strict=True) for token in here)
