"""`nemoflow run`: a workflow on this machine."""

import os
import time
from pathlib import Path

import click

from nemoflow.artifacts import Submission
from nemoflow.cli.options import ROOT, RUN, SETS, WORKFLOW, load, place_of, stack, stop_on_signals
from nemoflow.flow.local import RunResult, run_local
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.place import Place
from nemoflow.flow.plan import NodePlan
from nemoflow.flow.summary import in_words


@click.command()
@stack(WORKFLOW, SETS, ROOT, RUN)
@click.option("--fresh", is_flag=True, help="Do not reuse results of other runs.")
@click.option("--force", is_flag=True, help="Overwrite results that another config or input made at the same address.")
def run(workflow: Path, sets: str, root: str | None, run_name: str | None, fresh: bool, force: bool) -> None:
    """Run WORKFLOW (a TOML file) on this machine. What is done already is not done again."""
    begun = time.monotonic()
    loaded, pipeline = load(workflow, sets)
    with stop_on_signals() as stopping:
        place = place_of(loaded, root, run_name, stopping, holder_pid=os.getpid())
        click.echo(f"run {place.run} of {loaded.where} under {place.store.root}")
        result = run_local(pipeline, place, force=force, fresh=fresh, watch=_tell)
    _summary(place, result, time.monotonic() - begun)


def _tell(plan: NodePlan, manifest: Manifest | None) -> None:
    name = f"{plan.node.name:<18}"
    if manifest is None:
        click.echo(f"{name} running: {plan.why}")
    elif plan.action in ("done", "reuse"):
        click.echo(f"{name} {'reused' if plan.action == 'reuse' else 'done'}: {plan.why}")
    else:
        click.echo(f"{name} {describe(manifest)}")


def describe(manifest: Manifest) -> str:
    """One line on what a node did."""
    made_here = f"{manifest.status} in {manifest.seconds:.1f} s"
    parts = [f"reused from {manifest.reused_from.removeprefix('runs/')}" if manifest.reused_from else made_here]
    if manifest.reason:
        parts.append(manifest.reason)
    if manifest.rows_in or manifest.rows_out:
        parts.append(f"rows {manifest.rows_in} -> {manifest.rows_out}")
    if manifest.dropped:
        parts.append("dropped " + ", ".join(f"{reason} {count}" for reason, count in sorted(manifest.dropped.items())))
    parts += [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in list(manifest.metrics.items())[:4]
    ]
    return "; ".join(parts)


def _summary(place: Place, result: RunResult, seconds: float) -> None:
    click.echo(f"{len(result.executed)} steps ran, {len(result.plan.nodes) - len(result.executed)} did not have to; {seconds:.1f} s")
    manifests = [place.manifest(plan.node.name) for plan in result.plan.nodes]
    if not result.executed:
        click.echo(in_words([manifest.reused_from is not None for manifest in manifests if manifest]))
    pipeline = result.plan.pipeline
    for plan in result.plan.nodes:
        manifest = place.manifest(plan.node.name)
        if manifest is not None and manifest.status == "skipped":
            click.echo(f"  {plan.node.name}: skipped: {manifest.reason}")
        last = not pipeline.consumers(plan.node.name)
        for name, output in manifest.outputs.items() if manifest else ():
            # A submission is what the run was for, also where the report reads it afterwards.
            if last or plan.node.step.outputs[name] is Submission:
                for file in output.files:
                    click.echo(f"  {plan.node.name}: {place.store.address(output.address)}/{file.path}")
