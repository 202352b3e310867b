"""`nemoflow submit`, `follow`, `stop` and `logs`: runs on a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nemoflow.argo.cluster import load_cluster
from nemoflow.cli.cluster import CLUSTER, NAMESPACE, find_cluster, open_api, render_workflow, with_sets
from nemoflow.cli.options import ROOT, RUN, SETS, WORKFLOW, place_of, stack
from nemoflow.cli.plan import sleeping
from nemoflow.errors import ConfigError
from nemoflow.flow.build import code_version
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.plan import Plan, make_plan
from nemoflow.flow.summary import summarize
from nemoflow.flow.workflow import Workflow
from nemoflow.store import open_store

if TYPE_CHECKING:
    from nemoflow.argo.api import Api
    from nemoflow.argo.submit import Request


@click.command()
@stack(WORKFLOW, SETS, ROOT, RUN)
@CLUSTER
@click.option("--tag", default=None, help="Tag of the images; default: the cluster file's.")
@click.option("--no-follow", is_flag=True, help="End as soon as the run is accepted.")
def submit(
    workflow: Path, sets: str, root: str | None, run_name: str | None, cluster_file: Path | None, tag: str | None, no_follow: bool
) -> None:
    """Run WORKFLOW on a cluster: check everything, send it, follow it, and end with the run's exit code.

    Ctrl-C leaves the run at work. What is done already is not done again.
    """
    from nemoflow.argo.admit import check_quota
    from nemoflow.argo.api import connect
    from nemoflow.argo.submit import Request, check_cluster, check_code, send

    cluster = load_cluster(find_cluster(cluster_file, workflow))
    cluster = cluster.model_copy(update={"tag": tag}) if tag else cluster
    check_code(cluster.tag, code_version())
    rendered = render_workflow(workflow, cluster)
    loaded, pipeline = with_sets(rendered, sets)
    request = Request(rendered.template.to_dict(), run_name or loaded.run, root or rendered.root, sets)
    api = connect(cluster.namespace)
    unseen = check_cluster(api, cluster, request)
    plan = check_bucket(loaded, pipeline, request)
    _, hidden = check_quota(api, cluster, pipeline, rendered.name, sleeping(plan))
    unseen += hidden
    if unseen:
        click.echo(f"not looked at, for want of the right to: {', '.join(unseen)}")
    sent = send(api, request)
    metadata = sent["metadata"]
    click.echo(
        f"run {request.run} of {loaded.where} under {request.root}: workflow {metadata['name']} in {api.namespace} ({metadata['uid']})"
    )
    if not no_follow and _follow(api, metadata["name"], request.run) and (summary := summarize(open_store(request.root), request.run)):
        click.echo(summary)


def check_bucket(workflow: Workflow, pipeline: Pipeline, request: "Request") -> Plan:
    """What the run will do, once the bucket and every outside input are there, and nothing under the run's name is another config's."""
    if not request.root.startswith("s3://"):
        raise ConfigError(f"--root {request.root!r}: pods have no folder in common; s3://bucket/prefix is right")
    place = place_of(workflow, request.root, request.run, quiet=True)
    for name in workflow.head.inputs:
        uri = workflow.uri(name, "")
        if "://" not in uri or uri.startswith("file://"):
            raise ConfigError(
                f"{workflow.where}: inputs.{name}: {uri} is of this machine, which no pod can read; put it into the bucket and say "
                f"""--set '{{"inputs.{name}": "s3://..."}}'"""
            )
        place.check_uri(uri)
    plan = make_plan(pipeline, place, explain=False)
    idle = [step.node.name for step in plan.nodes if step.action in ("done", "reuse")]
    if idle:
        click.echo(f"done already: {', '.join(idle)}")
    return plan


def _follow(api: "Api", name: str, run: str) -> bool:
    """Whether the run was seen to its end."""
    from nemoflow.argo.follow import default_stream, ended, follow, view_for

    try:
        with view_for(default_stream()) as view:
            state = follow(api, name, view)
    except KeyboardInterrupt:
        click.echo(f"\nrun {run} goes on; `nemoflow follow {run}` comes back to it, `nemoflow stop {run}` ends it")
        return False
    ended(api, state)
    click.echo(f"run {run}: done")
    return True


@click.command("follow")
@click.argument("run")
@CLUSTER
@NAMESPACE
def follow_run(run: str, cluster_file: Path | None, namespace: str | None) -> None:
    """Show RUN on its cluster until it is over, and end with its exit code; Ctrl-C leaves it at work."""
    from nemoflow.argo.submit import find_run

    api = open_api(cluster_file, namespace)
    _follow(api, find_run(api, run)["metadata"]["name"], run)


@click.command("stop")
@click.argument("run")
@CLUSTER
@NAMESPACE
def stop_run(run: str, cluster_file: Path | None, namespace: str | None) -> None:
    """End RUN on its cluster: its pods save and stop, its cleanup runs. Submitting it again goes on from there."""
    from nemoflow.argo.submit import stop

    api = open_api(cluster_file, namespace)
    stopped = stop(api, run)
    click.echo(f"run {run}: {'asked to stop as workflow ' + stopped['metadata']['name'] if stopped else 'is over already'}")


@click.command()
@click.argument("run")
@click.argument("step")
@CLUSTER
@NAMESPACE
@click.option("--follow", "-f", "follow_on", is_flag=True, help="Wait for what is still to come.")
def logs(run: str, step: str, cluster_file: Path | None, namespace: str | None, follow_on: bool) -> None:
    """Print what the pods of STEP in RUN say."""
    from nemoflow.argo.follow import logs as read_logs
    from nemoflow.argo.submit import find_run

    api = open_api(cluster_file, namespace)
    for line in read_logs(api, find_run(api, run), step, follow_on=follow_on):
        click.echo(line)
