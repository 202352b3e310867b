"""Workflow: a TOML file that names a pipeline and gives its nodes' configs; overrides are laid over it.

pipeline = "demo"          # one of nemoflow.pipelines, or an import path "mypackage.pipelines:mine"
run = "demo"               # default name of the run
root = "nemoflow-data"     # folder or s3://bucket/prefix
seed = 0                   # given to every step whose config has a seed, unless its section sets one
compress = false           # rows as .jsonl.zst
[inputs]                   # URIs for the pipeline's outside inputs, relative to this file
[shards]                   # node = n
[versions]                 # node = version of its step; refused where this nemoflow has another (a rendered file holds it)
[train]                    # one section a node: its step's config
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field

from nemoflow.config import Config, build, read_toml
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import Node, Pipeline, Source
from nemoflow.flow.place import absolute_uri
from nemoflow.flow.step import Step


class _Head(Config):
    pipeline: str
    run: str = ""
    root: str = "nemoflow-data"
    seed: int = Field(0, ge=0, lt=2**32)
    compress: bool = False
    inputs: dict[str, str] = Field({})
    shards: dict[str, int] = Field({})
    versions: dict[str, int] = Field({})


@dataclass(frozen=True)
class Workflow:
    """The parsed file; `node` is what pipelines build their nodes with."""

    where: str
    """File, for messages."""
    head: _Head
    sections: Mapping[str, Mapping[str, Any]]
    base: Path = field(default_factory=Path.cwd)

    @property
    def run(self) -> str:
        """Default name of the run."""
        return self.head.run or self.head.pipeline.rpartition(":")[2].replace("_", "-")

    def node(self, name: str, step: Step, inputs: Mapping[str, Source] | None = None) -> Node:
        """A node whose config is the section of its name."""
        values = dict(self.sections.get(name, {}))
        if "seed" in step.config.model_fields:
            values.setdefault("seed", self.head.seed)
        config = build(step.config, values, f"{self.where}: {name}")
        return Node(name, step, config, dict(inputs or {}), self.head.shards.get(name, 1))

    def uri(self, name: str, what: str) -> str:
        """An outside input by name; ConfigError says what it should be where the file has none."""
        if name not in self.head.inputs:
            raise ConfigError(f"{self.where}: inputs.{name}: missing; it names {what}")
        return absolute_uri(self.head.inputs[name], self.base)

    @property
    def values(self) -> dict[str, Any]:
        """The file's values with the overrides laid in; `make_workflow` takes them again."""
        return {**self.head.model_dump(exclude_defaults=True), **{name: dict(section) for name, section in self.sections.items()}}

    def asks_for(self, name: str) -> bool:
        """Whether there is a section of this name, be it empty: how a workflow asks for a node that is off by default."""
        return name in self.sections

    def has(self, name: str) -> bool:
        """Whether an outside input is given."""
        return name in self.head.inputs


def load_workflow(path: Path, sets: str = "{}") -> Workflow:
    """Read a workflow file and lay overrides (a JSON object of node.field values) over it."""
    values = read_toml(path)
    return make_workflow(values, str(path), path.resolve().parent, sets)


def make_workflow(values: Mapping[str, Any], where: str, base: Path, sets: str = "{}") -> Workflow:
    """The same from values."""
    merged = lay_over(values, parse_sets(sets))
    for key, number in _integers(merged):
        if not -(2**63) <= number < 2**64:
            raise ConfigError(f"{where}: {key}: {number} does not fit into 64 bits")
    known = set(_Head.model_fields)
    head = build(_Head, {key: value for key, value in merged.items() if key in known}, where, join=": ")
    sections = {key: value for key, value in merged.items() if key not in known}
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise ConfigError(
                f"{where}: {name}: unknown key (value {section!r}); known keys: {', '.join(sorted(known))}, and a section a node"
            )
    return Workflow(where, head, sections, base)


def parse_sets(text: str) -> dict[str, Any]:
    """Overrides: a JSON object such as `{"train.learning_rate": 1e-4}`."""
    try:
        sets = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"--set {text!r}: not JSON ({error}); right is '{{\"train.learning_rate\": 1e-4}}'") from None
    if not isinstance(sets, dict):
        raise ConfigError(f"--set {text!r}: a JSON object of node.field values is right")
    for key in sets:
        if not all(key.split(".")):
            raise ConfigError(f"--set {key!r}: a key is node.field, such as train.learning_rate")
    return sets


def lay_over(values: Mapping[str, Any], sets: Mapping[str, Any]) -> dict[str, Any]:
    """Values with overrides (dotted keys) laid in; ConfigError where a key leads through a value."""
    merged = deepcopy(dict(values))
    for key, value in sets.items():
        *path, last = key.split(".")
        table = merged
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {key!r}: {part!r} is a value, not a section")
        table[last] = value
    return merged


def _integers(value: Any, key: str = "") -> Iterator[tuple[str, int]]:
    """All integers with their dotted keys."""
    if isinstance(value, int):
        yield key, value
    elif isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _integers(part, f"{key}.{name}" if key else str(name))


def build_pipeline(workflow: Workflow, known: Mapping[str, str]) -> Pipeline:
    """Import the pipeline's builder (`known` maps short names to import paths) and build it; sections of no node are refused."""
    path = known.get(workflow.head.pipeline, workflow.head.pipeline)
    make = import_value(path, f"{workflow.where}: pipeline", f"one of {', '.join(known)}, or an import path package.module:function")
    pipeline = _call(make, workflow)
    for name in (*workflow.sections, *workflow.head.shards, *workflow.head.versions):
        if name not in pipeline.by_name and (name not in pipeline.left_out or name in workflow.head.versions):
            raise ConfigError(
                f"{workflow.where}: {name}: pipeline {pipeline.name!r} has no such node; its nodes: {', '.join(pipeline.by_name)}"
            )
    _check_versions(workflow, pipeline)
    return pipeline


def _check_versions(workflow: Workflow, pipeline: Pipeline) -> None:
    """Who planned a run and who works at it must mean the same by a step, or the one's results are not found by the other."""
    for name, version in workflow.head.versions.items():
        step = pipeline.by_name[name].step
        if step.version != version:
            raise ConfigError(
                f"{workflow.where}: versions.{name}: {version}, but step {step.name!r} of this nemoflow has version {step.version}; "
                "use an image of the code that rendered the workflow, or render it again with this code"
            )


def _call(make: Callable[[Workflow], Pipeline], workflow: Workflow) -> Pipeline:
    if not callable(make):
        raise ConfigError(
            f"{workflow.where}: pipeline {workflow.head.pipeline!r} is a {type(make).__name__}; a function of the workflow is right"
        )
    pipeline = make(workflow)
    if not isinstance(pipeline, Pipeline):
        raise ConfigError(f"{workflow.where}: pipeline {workflow.head.pipeline!r} made a {type(pipeline).__name__}, not a Pipeline")
    return pipeline


def import_value(path: str, where: str, right: str) -> Any:
    """The value at `package.module:name`."""
    module, colon, name = path.partition(":")
    if not colon:
        raise ConfigError(f"{where}: unknown {path!r}; {right} is right")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {path!r} cannot be imported ({error}); {right} is right") from None
