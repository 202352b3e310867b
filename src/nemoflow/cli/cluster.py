"""What the commands for a cluster share: which cluster, and a workflow as it is there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nemoflow.argo.cluster import Cluster, load_cluster, on_cluster, template_name
from nemoflow.cli.options import DEFAULT_ROOT, load
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.toml import to_toml
from nemoflow.flow.workflow import Workflow, build_pipeline, make_workflow, parse_sets
from nemoflow.pipelines import PIPELINES

if TYPE_CHECKING:
    from nemoflow.argo.api import Api

DEFAULT_CLUSTER = Path("workflows/cluster.toml")
FIXED = ("shards", "versions", "pipeline", "compress")
"""Sections of a workflow file that a rendered template has as they are."""

CLUSTER: Callable[..., Any] = click.option(
    "--cluster",
    "cluster_file",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Where: a file such as workflows/cluster.toml.",
)
NAMESPACE: Callable[..., Any] = click.option(
    "--namespace", "-n", default=None, metavar="NAME", help="Default: the cluster file's, else that of the kubeconfig."
)


@dataclass(frozen=True)
class Rendered:
    """A workflow file on a cluster."""

    name: str
    workflow: Workflow
    pipeline: Pipeline
    cluster: Cluster
    template: Any
    """A `hera.workflows.WorkflowTemplate`."""
    root: str
    """Where its runs' results lie unless somebody says otherwise: where the file says, if that is a bucket, else the cluster's."""


def find_cluster(cluster_file: Path | None, beside: Path | None = None) -> Path:
    """The cluster file that was named, the one beside a workflow file, or workflows/cluster.toml."""
    guesses = [beside.parent / "cluster.toml"] if beside else []
    return cluster_file or next((guess for guess in guesses if guess.is_file()), DEFAULT_CLUSTER)


def root_of(root: str | None, cluster_file: Path | None) -> str:
    """Where results lie: the root that was named, the cluster's, or this machine's."""
    return root or (load_cluster(cluster_file).root if cluster_file else DEFAULT_ROOT)


def open_api(cluster_file: Path | None, namespace: str | None) -> "Api":
    """The API server, in the namespace that was named or the cluster file's."""
    from nemoflow.argo.api import connect

    if namespace is None and (cluster_file or DEFAULT_CLUSTER.is_file()):
        namespace = load_cluster(cluster_file or DEFAULT_CLUSTER).namespace
    return connect(namespace or "")


def render_workflow(path: Path, cluster: Cluster) -> Rendered:
    """Lower a workflow file; nothing is sent."""
    from nemoflow.argo.lower import lower

    name = template_name(path)
    loaded, pipeline = load(path, "{}")
    there = on_cluster(loaded, pipeline, cluster, name)
    pipeline = build_pipeline(there, PIPELINES)
    root = loaded.head.root if loaded.head.root.startswith("s3://") else cluster.root
    template = lower(pipeline, cluster, name, to_toml(there.values), there.run, root)
    return Rendered(name, there, pipeline, cluster, template, root)


def with_sets(rendered: Rendered, sets: str) -> tuple[Workflow, Pipeline]:
    """The workflow as its pods will see it; ConfigError where an override changes what a template has as it is."""
    for key in parse_sets(sets):
        if key.partition(".")[0] in FIXED:
            raise ConfigError(f"--set {key!r}: is part of the template; write it into the workflow file, and submit that")
    if "{{" in sets:
        raise ConfigError(f"--set {sets!r}: holds {{{{, which Argo takes for a parameter; write it with a space between")
    workflow = make_workflow(rendered.workflow.values, rendered.workflow.where, rendered.workflow.base, sets)
    pipeline = build_pipeline(workflow, PIPELINES)
    if shape(pipeline) != shape(rendered.pipeline):
        raise ConfigError(
            f"--set {sets}: changes which nodes there are, their wires or their processes; write it into the workflow file, and submit that"
        )
    return workflow, pipeline


def shape(pipeline: Pipeline) -> list[tuple[str, str, int, dict[str, str]]]:
    """Nodes, how many processes do their work, and edges, without what else they are configured with."""
    return [
        (node.name, node.step.name, node.step.processes(node.config), {name: str(edge) for name, edge in node.edges.items()})
        for node in pipeline.by_name.values()
    ]
