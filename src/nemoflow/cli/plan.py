"""`nemoflow plan`: what would run, what is reused, and why; for a cluster also whether it can be admitted, and what it will take."""

from pathlib import Path

import click

from nemoflow.argo.cluster import Cluster, load_cluster, template_name
from nemoflow.cli.cluster import CLUSTER
from nemoflow.cli.options import ROOT, RUN, SETS, WORKFLOW, load, place_of, stack
from nemoflow.flow.past import read_past
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.plan import Plan, make_plan
from nemoflow.flow.workflow import Workflow
from nemoflow.steps.wake_teacher import WakeTeacherConfig
from nemoflow.store import Store

WORDS = {"done": "done", "reuse": "reused", "run": "would run", "rest": "not needed"}


@click.command()
@stack(WORKFLOW, SETS, ROOT, RUN)
@CLUSTER
@click.option("--fresh", is_flag=True, help="As for run: do not reuse results of other runs.")
@click.option("--force", is_flag=True, help="As for run: overwrite what another config or input made.")
def plan(workflow: Path, sets: str, root: str | None, run_name: str | None, cluster_file: Path | None, fresh: bool, force: bool) -> None:
    """Say what `nemoflow run WORKFLOW` would do, without doing it.

    With --cluster: what `nemoflow submit` would do there, whether its queues can ever admit it, and GPU hours, tokens and cost.
    """
    cluster = load_cluster(cluster_file) if cluster_file else None
    loaded, pipeline = _there(workflow, sets, cluster) if cluster else load(workflow, sets)
    where = root or (cluster.root if cluster and not loaded.head.root.startswith("s3://") else None)
    place = place_of(loaded, where, run_name, quiet=True)
    made = make_plan(pipeline, place, force=force, fresh=fresh)
    click.echo(f"run {place.run} of {loaded.where} under {place.store.root}: {len(made.to_run)} of {len(made.nodes)} nodes would run")
    for node in made.nodes:
        shards = f" x{node.node.shards}" if node.node.shards > 1 else ""
        click.echo(f"  {node.node.name + shards:<20} {WORDS[node.action]:<11} {node.why}")
    for name, why in pipeline.left_out.items():
        click.echo(f"  {name:<20} {'off':<11} {why}")
    if cluster:
        _on_cluster(made, cluster, template_name(workflow), place.store)


def _there(path: Path, sets: str, cluster: Cluster) -> tuple[Workflow, Pipeline]:
    """The workflow as its pods would see it."""
    from nemoflow.cli.cluster import render_workflow, with_sets

    return with_sets(render_workflow(path, cluster), sets)


def _on_cluster(made: Plan, cluster: Cluster, name: str, store: Store) -> None:
    from nemoflow.argo.admit import read_teachers
    from nemoflow.argo.api import connect
    from nemoflow.cli.estimate import costs, lines, teacher_costs, tokens

    past = read_past(store, [step.node.name for step in made.to_run])
    found = costs(made, cluster, name, past)
    teachers, unseen = read_teachers(connect(cluster.namespace), sleeping(made))
    found += teacher_costs(made, cluster, found, teachers)
    for line in lines(found, list(tokens(made, past)), cluster):
        click.echo(line)
    for teacher in unseen:
        click.echo(f"  what {teacher} takes is not in it: it is not there, or not to be seen")
    tell_quota(made, cluster, name)


def tell_quota(made: Plan, cluster: Cluster, name: str) -> None:
    """Say whether the queues can admit the run; ConfigError where they never can."""
    from nemoflow.argo.admit import check_quota, queued_pools
    from nemoflow.argo.api import connect

    queues, unseen = check_quota(connect(cluster.namespace), cluster, made.pipeline, name, sleeping(made))
    pools = queued_pools(cluster, made.pipeline, name)
    if queues is not None:
        names = ", ".join(f"{pool} in {cluster.pools[pool].queue}" for pool in pools) or "the teacher alone"
        ahead = len([claim for claim in queues.waiting if claim.team in queues.local.values()])
        click.echo(f"quota: it can be admitted ({names}); {ahead} pods wait there now, `nemoflow queue` says for what")
    elif not unseen:
        click.echo("quota: no pool names a queue, so nothing waits for quota")
    if unseen:
        click.echo(f"not looked at, for want of the right to: {', '.join(unseen)}")


def sleeping(made: Plan) -> dict[str, int]:
    """Deployments that the run would wake, with the replicas that it cannot do without: of `auto`, one."""
    configs = [step.node.config for step in made.nodes if step.action == "run" and isinstance(step.node.config, WakeTeacherConfig)]
    return {config.deployment: 1 if config.replicas == "auto" else config.replicas for config in configs if config.kind == "deployment"}
