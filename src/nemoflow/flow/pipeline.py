"""Node and Pipeline: steps with configs, wired; a wrong name or kind fails here, with both names in the message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nemoflow.config import Config
from nemoflow.errors import ConfigError
from nemoflow.flow.step import Step


@dataclass(frozen=True)
class From:
    """An edge: the named output of an earlier node."""

    node: str
    output: str

    def __str__(self) -> str:
        return f"{self.node}.{self.output}"


Source = From | str
"""Where an input comes from: another node's output, or a URI (a path, `file://`, `s3://`, `run://RUN/NODE/OUTPUT`)."""


@dataclass(frozen=True)
class Node:
    """A step with its config, its inputs wired, and the number of shards it runs as."""

    name: str
    step: Step
    config: Config
    inputs: Mapping[str, Source] = field(default_factory=dict)
    shards: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.config, self.step.config):
            raise ConfigError(
                f"node {self.name}: config is {type(self.config).__name__}, step {self.step.name} takes {self.step.config.__name__}"
            )
        for name in self.inputs:
            if name not in self.step.inputs:
                known = ", ".join(self.step.inputs) or "none"
                raise ConfigError(f"node {self.name}: step {self.step.name} has no input {name!r}; its inputs: {known}")
        for name in self.step.required_inputs:
            if name not in self.inputs:
                raise ConfigError(
                    f"node {self.name}: input {name!r} of step {self.step.name} is not wired; it takes {self.step.input_kind(name)}"
                )
        if self.shards < 1 or (self.shards > 1 and not self.step.sharded):
            raise ConfigError(f"node {self.name}: shards = {self.shards}, but step {self.step.name} runs as 1")

    @property
    def edges(self) -> dict[str, From]:
        """Inputs that come from other nodes."""
        return {name: source for name, source in self.inputs.items() if isinstance(source, From)}


@dataclass(frozen=True)
class Pipeline:
    """Nodes in order; each edge is an artifact of an earlier node. `cleanup` runs at the end, come what may."""

    name: str
    nodes: tuple[Node, ...]
    cleanup: Node | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Nodes that the workflow could have and has not, with the reason; the file may hold their sections."""

    def __post_init__(self) -> None:
        seen: dict[str, Node] = {}
        for node in (*self.nodes, *([self.cleanup] if self.cleanup else [])):
            if node.name in seen:
                raise ConfigError(f"pipeline {self.name}: two nodes are named {node.name!r}")
            for name, edge in node.edges.items():
                self._check_edge(node, name, edge, seen)
            seen[node.name] = node

    def _check_edge(self, node: Node, name: str, edge: From, seen: Mapping[str, Node]) -> None:
        where = f"pipeline {self.name}: input {name!r} of node {node.name!r}"
        if edge.node not in seen:
            raise ConfigError(f"{where} comes from {edge.node!r}, which is no earlier node; earlier nodes: {', '.join(seen) or 'none'}")
        outputs = seen[edge.node].step.outputs
        if edge.output not in outputs:
            raise ConfigError(f"{where} comes from {edge}, but node {edge.node!r} has the outputs {', '.join(outputs) or 'none'}")
        wanted, given = node.step.input_kind(name), outputs[edge.output]
        if wanted != given:
            raise ConfigError(f"{where} takes {wanted}, but {edge} is {given}")

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Every node, the cleanup included."""
        return {node.name: node for node in (*self.nodes, *([self.cleanup] if self.cleanup else []))}

    def node(self, name: str) -> Node:
        """A node by name; ConfigError lists the names there are."""
        if name not in self.by_name:
            raise ConfigError(f"pipeline {self.name} has no node {name!r}; its nodes: {', '.join(self.by_name)}")
        return self.by_name[name]

    def consumers(self, name: str) -> tuple[Node, ...]:
        """Nodes, without the cleanup, that take an output of the named one."""
        return tuple(node for node in self.nodes if any(edge.node == name for edge in node.edges.values()))
