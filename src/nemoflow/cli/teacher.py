"""`nemoflow teacher`: who holds a teacher that sleeps on a cluster, and the janitor's turn."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nemoflow.argo.cluster import load_cluster
from nemoflow.cli.cluster import CLUSTER, DEFAULT_CLUSTER, NAMESPACE
from nemoflow.cli.options import stack

if TYPE_CHECKING:
    from nemoflow.inference.deployment import Deployment
    from nemoflow.inference.leases import Seen

DEPLOYMENT = click.option("--deployment", default="nemoflow-teacher", show_default=True, metavar="NAME", help="Which Deployment it is.")


@click.group()
def teacher() -> None:
    """Who holds the teacher that sleeps on a cluster. Runs take it and give it back themselves."""


@teacher.command("list")
@stack(CLUSTER, NAMESPACE, DEPLOYMENT)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(cluster_file: Path | None, namespace: str | None, deployment: str, as_json: bool) -> None:
    """Show the teacher's size, what it waits for, and each lease on it; changes nothing."""
    from nemoflow.inference.leases import look_at, wanted

    found = _connect(cluster_file, namespace, deployment)
    replicas, seen, why = found.scale().replicas, look_at(found), found.why_not_ready()
    if as_json:
        leases = [_values(each) for each in seen]
        click.echo(json.dumps({"deployment": deployment, "namespace": found.namespace, "replicas": replicas, "why": why, "leases": leases}))
        return
    click.echo(f"{found.namespace}/{deployment}: {_replicas(replicas)} wanted{f': {why}' if why else ', ready' if replicas else ''}")
    for each in seen:
        click.echo(f"  {_line(each)}")
    if replicas != wanted(seen):
        click.echo(f"  its live leases ask for {wanted(seen)}: the janitor's next turn, or `nemoflow teacher settle`, makes it so")


@teacher.command()
@stack(CLUSTER, NAMESPACE, DEPLOYMENT)
def settle(cluster_file: Path | None, namespace: str | None, deployment: str) -> None:
    """The janitor's turn: give back what no running Workflow holds, and wake what one needs."""
    from nemoflow.inference.leases import tidy

    found = _connect(cluster_file, namespace, deployment)
    settled = tidy(found)
    for each in settled.dead:
        click.echo(f"gave back lease {each.lease.name}: {each.why_dead}")
    holders = ", ".join(each.lease.holder for each in settled.seen if each.is_live) or "nobody"
    change = f"{settled.before} -> {settled.replicas}" if settled.before != settled.replicas else str(settled.replicas)
    click.echo(f"{found.namespace}/{deployment}: {change} replica{'' if settled.replicas == 1 else 's'}, held by {holders}")


def _connect(cluster_file: Path | None, namespace: str | None, deployment: str) -> "Deployment":
    """In the namespace that was named, the cluster file's, or this process's own."""
    from nemoflow.inference.deployment import connect

    if namespace is None and (cluster_file or DEFAULT_CLUSTER.is_file()):
        namespace = load_cluster(cluster_file or DEFAULT_CLUSTER).namespace
    return connect(deployment, namespace or "")


def _replicas(count: int) -> str:
    return f"{count} replica{'' if count == 1 else 's'}"


def _line(seen: "Seen") -> str:
    from datetime import UTC, datetime

    since = datetime.fromtimestamp(seen.lease.since, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"{seen.lease.holder}: {_replicas(seen.lease.replicas)} since {since}, {f'dead: {seen.why_dead}' if seen.why_dead else 'live'}"


def _values(seen: "Seen") -> dict[str, object]:
    lease = seen.lease
    return {
        "name": lease.name,
        "holder": lease.holder,
        "workflow": lease.workflow.model_dump() if lease.workflow else None,
        "replicas": lease.replicas,
        "since": lease.since,
        "live": seen.is_live,
        "why_dead": seen.why_dead,
    }
