"""notebook: two notebooks for Kaggle that repeat a run's training (and reinforcement) and evaluation there, without a network."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from nemoflow.artifacts import Adapter, Notebooks, Report
from nemoflow.config import Config, build, identity, later
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.evaluate import EvaluateConfig
from nemoflow.steps.reinforce import ReinforceConfig
from nemoflow.steps.train import TrainConfig
from nemoflow.submission.figures import Figures, Manifest, figures, is_reinforced, source
from nemoflow.submission.notebook import Made, Recipe, Sets, metadata, score_notebook, to_bytes, train_notebook

SLUG = r"^[a-z0-9][a-z0-9.-]*$"
HELD = ("batch_size", "checkpoint_every")
"""Fields that decide no result, and that a notebook's reader may want to change."""
SERVED = ("engine", "served_model", "served_revision", "request")
"""Fields of an evaluation that a server answered."""


class NotebookConfig(Config):
    """What the data sets are called on Kaggle."""

    owner: str = Field("USERNAME", pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")
    """Kaggle's name of whoever owns data sets and notebooks."""
    competition: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*)?$")
    """Name of the competition, as in its address; empty attaches none."""
    corpus: str = Field("nemoflow-corpus", pattern=SLUG)
    """Data set with the corpus: the `*.jsonl` of `mix`."""
    wheels: str = Field("nemoflow-wheels", pattern=SLUG)
    """Data set with the wheels of nemoflow and of what it needs."""
    adapter: str = Field("nemoflow-adapter", pattern=SLUG)
    """Data set with the adapter."""
    problems: str = Field("nemoflow-problems", pattern=SLUG)
    """Data set with the held-out problems, as JSON lines."""
    train_problems: str = later("nemoflow-train-problems", pattern=SLUG)
    """Data set with the problems that a reinforcement asked; only where it made no puzzles of its own."""
    model: str = Field("nemotron-3-nano-30b-a3b-bf16", pattern=SLUG)
    """A folder's name in the path under which Kaggle mounts the base model."""
    model_source: str = "metric/nemotron-3-nano-30b-a3b-bf16/transformers/default/1"
    """Kaggle's name of the base model: OWNER/MODEL/FRAMEWORK/VARIATION/VERSION."""
    machine: str = later("NvidiaRtxPro6000", pattern=r"^[A-Za-z0-9]+$")
    """Kaggle's name of the machine to run on. Unasked it takes a P100, which has too little memory and for which torch has no kernels."""
    limit: int = Field(200, ge=0, lt=2**32)
    """Problems that are scored there; 0 is all."""
    input_dir: str = "/kaggle/input"
    """Where data sets are mounted."""
    output_dir: str = "/kaggle/working"
    """Where results, and `submission.zip`, are written."""


def run(config: NotebookConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Write a folder a notebook, each with its `kernel-metadata.json`."""
    manifests = {name: opened.manifest for name, opened in inputs.items()}
    known = figures(manifests, ("adapter", "report"))
    sets = Sets(**config.model_dump(exclude={"limit"}))
    folder = outputs["notebooks"].folder()
    recipe, asking = _training(manifests, inputs["adapter"].address), {**_asking(manifests.get("report")), "limit": config.limit}
    asked = (sets.train_problems,) if recipe.asks_problems else ()
    score = score_notebook(sets, asking, known, _expected(manifests), _made(manifests["adapter"]))
    written = [
        _write(folder, sets, TRAIN, train_notebook(sets, recipe, known), (sets.corpus, *asked, sets.wheels)),
        _write(folder, sets, SCORE, score, (sets.adapter, sets.problems, sets.wheels)),
    ]
    for line in known.left_out:
        context.progress.note(f"left out, {line}")
    return Outcome(metrics=_counts(written, known))


def _training(manifests: Mapping[str, Manifest | None], where: str) -> Recipe:
    """Both stages of an adapter that was reinforced; InputError where nothing tells the first one's."""
    last = manifests["adapter"]
    if last is None or not is_reinforced(last):
        return Recipe(_recipe(last, TrainConfig))
    first = manifests.get("trained")
    if first is None or is_reinforced(first):
        raise InputError(
            f"{where}: made by `reinforce`; wire the input `trained`, the adapter of `train` that it went on from, with its manifest"
        )
    reward = _recipe(last, ReinforceConfig)
    return Recipe(_recipe(first, TrainConfig), reward, not reward.get("kinds"))


def _made(manifest: Manifest | None) -> Made:
    """What the score notebook asks its adapter to be."""
    if manifest is None:
        return Made()
    files = [file for output in manifest["outputs"].values() if output["kind"] == Adapter.name for file in output["files"]]
    return Made(f"{manifest['run']}/{manifest['node']}", {file["path"]: file["digest"] for file in files if file["path"] in CHECKED})


def _recipe(manifest: Manifest | None, cls: type[Config]) -> dict[str, Any]:
    """What decided a node's result, and how much it held at once; empty, for the defaults, where it is not known.

    Where it ran (servers, variables with keys, trackers) is of another place, and none of Kaggle's business; nor is on how many GPUs, which
    leaves the rows of a step as they are.
    """
    if manifest is None:
        return {}
    told = {name: value for name, value in manifest["config"].items() if name in cls.model_fields and name not in SPREAD}
    return {**identity(build(cls, told, source(manifest))), **{name: told[name] for name in HELD if name in told}}


def _asking(manifest: Manifest | None) -> dict[str, Any]:
    """The evaluation's, by transformers where the run had a server, which no notebook without a network reaches."""
    recipe = _recipe(manifest, EvaluateConfig)
    is_served = recipe.get("engine") == "endpoint"
    return {name: value for name, value in recipe.items() if not (is_served and name in SERVED)}


def _expected(manifests: Mapping[str, Manifest | None]) -> dict[str, float]:
    manifest = manifests.get("report")
    metrics = {} if manifest is None else manifest["metrics"]
    return {name: metrics[name] for name in ("accuracy", "low", "high") if name in metrics}


def _write(folder: Path, sets: Sets, kind: tuple[str, str], notebook: Mapping[str, Any], names: Sequence[str]) -> int:
    name, title = kind
    target = folder / name
    target.mkdir()
    (target / f"{name}.ipynb").write_bytes(to_bytes(notebook))
    told = json.dumps(metadata(sets, name, title, names), indent=1) + "\n"
    (target / "kernel-metadata.json").write_text(told, encoding="utf-8")
    return len(notebook["cells"])


def _counts(cells: Sequence[int], known: Figures) -> dict[str, int]:
    return {"notebooks": len(cells), "cells": sum(cells), "figures": len(known.found), "left_out": len(known.left_out)}


SPREAD = ("processes", "sharding")
CHECKED = ("adapter_config.json", "adapter_model.safetensors")
TRAIN = ("nemoflow-train", "nemoflow train")
SCORE = ("nemoflow-score", "nemoflow score")

NOTEBOOK = Step(
    name="notebook",
    version=3,
    config=NotebookConfig,
    run=run,
    inputs={"adapter": Adapter, "trained": Optional(Adapter), "report": Optional(Report)},
    outputs={"notebooks": Notebooks},
)
