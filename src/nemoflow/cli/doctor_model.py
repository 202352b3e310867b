"""`nemoflow doctor model`: what an adapter would train on a model and what that takes, from config and safetensors headers alone."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from nemoflow.cli.options import SETS, load
from nemoflow.config import build
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.workflow import parse_sets
from nemoflow.steps.train import TrainConfig
from nemoflow.training.gpus import GPUS, gpu_named
from nemoflow.training.plan import Plan, classes_that_fit, need_fit, remedies
from nemoflow.training.preflight import need_names, plan_lines, plan_of, read_base, table
from nemoflow.training.resolution import Wanted
from nemoflow.training.targets import TOWERS

ADAPTER_CONFIG = "adapter_config.json"
NARROWING = ("exclude_modules", "layers_to_transform", "target_parameters", "rank_pattern")
"""Fields beside `target_modules` that decide what PEFT adapts, and how far."""


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--workflow", type=click.Path(path_type=Path), help="Take the recipe of this workflow's training; else the defaults.")
@SETS
@click.option("--targets", help="auto, all-linear, a list (q_proj,v_proj), a regular expression, or an adapter_config.json.")
@click.option("--rank", type=click.IntRange(1, 256), help="Rank of the adapter; default: the recipe's.")
@click.option("--length", type=click.IntRange(8), help="Tokens of the longest row; default: the recipe's max_length.")
@click.option("--gpu", help=f"Plan memory and time for one of {', '.join(GPUS)}; ends with 2 where it does not fit.")
@click.option("--tokens", type=click.IntRange(1), help="Tokens of the corpus: also say how long the whole run takes.")
@click.option("--measured", type=click.Path(path_type=Path), help="Manifest of a training run, to compare the plan with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def model(
    model: Path,
    workflow: Path | None,
    sets: str,
    targets: str | None,
    rank: int | None,
    length: int | None,
    gpu: str | None,
    tokens: int | None,
    measured: Path | None,
    as_json: bool,
) -> None:
    """Say what an adapter would train on MODEL, a folder with config.json and safetensors files; no weights are read.

    Ends with 2 where a name matches nothing or PEFT refuses it, and with --gpu where it does not fit.
    """
    recipe = _recipe(workflow, sets)
    if not targets:
        need_names(recipe["targets"])
    given = {"targets": _targets(targets) if targets else None, "r": rank, "max_length": length}
    recipe |= {name: value for name, value in given.items() if value is not None}
    plan = plan_of(read_base(model, recipe["quantization"]), recipe)
    seen = _manifest(measured) if measured else {}
    if as_json:
        click.echo(json.dumps(_object(plan, recipe, gpu, tokens, seen), indent=1))
    else:
        for line in (*table(plan.resolution, recipe["quantization"]), f"suggested: {', '.join(plan.resolution.suggested)}"):
            click.echo(line)
        for line in _gpu_lines(plan, recipe, gpu, tokens, seen):
            click.echo(line)
    plan.resolution.need_sound("--targets" if targets else "train.targets")
    if gpu:
        need_fit(plan, gpu_named(gpu))


def _recipe(workflow: Path | None, sets: str) -> dict[str, Any]:
    """The fields of train's config, from a workflow or its defaults, with what `--set` overrides."""
    if workflow is None:
        asked = parse_sets(sets)
        unknown = [key for key in asked if not key.startswith("train.")]
        if unknown:
            raise ConfigError(f"--set: {unknown[0]!r} is no field of train; without --workflow only train.* can be set")
        return build(TrainConfig, {key.removeprefix("train."): value for key, value in asked.items()}, "train").model_dump()
    _, pipeline = load(workflow, sets)
    found = [node.config for node in pipeline.nodes if isinstance(node.config, TrainConfig)]
    if not found:
        raise ConfigError(f"{workflow}: its pipeline {pipeline.name} has no node of the step train")
    return found[0].model_dump()


def _targets(text: str) -> Wanted:
    """A list by commas, a word or a regular expression as it is, or what an adapter's config names."""
    path = Path(text) / ADAPTER_CONFIG if Path(text).is_dir() else Path(text)
    if path.name == ADAPTER_CONFIG or path.suffix == ".json":
        return _of_config(path)
    if text in ("auto", "all-linear") or not re.fullmatch(r"[\w.,\s-]+", text):
        return text
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _of_config(path: Path) -> Wanted:
    try:
        config = orjson.loads(path.read_bytes())
        named = config["target_modules"]
    except OSError as error:
        raise InputError(f"--targets: {path}: {error.strerror}; an adapter's {ADAPTER_CONFIG} was expected") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--targets: {path}: no JSON object with target_modules: {error!r}") from None
    narrowed = [field for field in NARROWING if config.get(field) and config[field] != TOWERS]
    if narrowed:
        raise InputError(
            f"--targets: {path}: {narrowed[0]} is {str(config[narrowed[0]])[:60]}, which changes what target_modules adapt and is not "
            "followed here; an expression that matches the same modules is right"
        )
    if isinstance(named, str) or (isinstance(named, list) and all(isinstance(name, str) for name in named)):
        return named if isinstance(named, str) else tuple(named)
    raise InputError(f"--targets: {path}: target_modules is {str(named)[:60]}; a list of names or a regular expression is right")


def _manifest(path: Path) -> dict[str, float]:
    """Metrics of a run of train."""
    try:
        manifest = orjson.loads(path.read_bytes())
        metrics = manifest["metrics"]
        step = manifest["step"]
    except OSError as error:
        raise InputError(f"--measured: {path}: {error.strerror}; a manifest.json of a node was expected") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--measured: {path}: no manifest: {error!r}") from None
    if step != "train":
        raise InputError(f"--measured: {path}: a manifest of the step {step}; one of train was expected")
    return dict(metrics)


def _gpu_lines(plan: Plan, recipe: Mapping[str, Any], gpu: str | None, tokens: int | None, seen: Mapping[str, float]) -> list[str]:
    fitting = classes_that_fit(plan)
    lines = [f"about {plan.total:.1f} GiB on a GPU; fits: {', '.join(one.name for one in fitting) or 'none of the known classes'}"]
    if gpu:
        chosen = gpu_named(gpu)
        lines += [*plan_lines(plan, chosen)]
        if tokens:
            lines.append(f"{tokens:,} tokens, {recipe['epochs']:g} times: about {_hours(plan, recipe, gpu, tokens):.1f} h")
    if "peak_memory_gib" in seen:
        lines.append(f"measured: peak memory {seen['peak_memory_gib']:.2f} GiB, planned {plan.total:.2f}")
    if "seconds_per_step" in seen:
        planned = f", planned {plan.step_seconds(gpu_named(gpu)):.2f} on {gpu}" if gpu else ""
        lines.append(f"measured: {seen['seconds_per_step']:.2f} s a step{planned}")
    if "trainable" in seen:
        lines.append(f"measured: {seen['trainable']:,} parameters trained, planned {plan.resolution.trained:,}")
    return lines


def _hours(plan: Plan, recipe: Mapping[str, Any], gpu: str, tokens: int) -> float:
    return float(tokens * recipe["epochs"] / plan.tokens_per_second(gpu_named(gpu)) / 3600)


def _object(plan: Plan, recipe: Mapping[str, Any], gpu: str | None, tokens: int | None, seen: Mapping[str, float]) -> dict[str, Any]:
    shown = {"targets": plan.resolution.to_json(), "plan": plan.to_json(), "fits": [one.name for one in classes_that_fit(plan)]}
    if gpu:
        chosen = gpu_named(gpu)
        shown["gpu"] = {
            "name": gpu,
            "memory_gib": chosen.memory_gib,
            "fits": plan.fits(chosen),
            "seconds_per_step": plan.step_seconds(chosen),
            "tokens_per_second": plan.tokens_per_second(chosen),
            "hours": _hours(plan, recipe, gpu, tokens) if tokens else None,
            "remedies": [] if plan.fits(chosen) else [remedy.says for remedy in remedies(plan, chosen)],
        }
    return shown | ({"measured": dict(seen)} if seen else {})
