"""`nemoflow plan`: what would run, what is reused, and why."""

from pathlib import Path

import click

from nemoflow.cli.options import ROOT, RUN, SETS, WORKFLOW, load, place_of, stack
from nemoflow.flow.plan import make_plan

WORDS = {"done": "done", "reuse": "reused", "run": "would run", "rest": "not needed"}


@click.command()
@stack(WORKFLOW, SETS, ROOT, RUN)
@click.option("--fresh", is_flag=True, help="As for run: do not reuse results of other runs.")
@click.option("--force", is_flag=True, help="As for run: overwrite what another config or input made.")
def plan(workflow: Path, sets: str, root: str | None, run_name: str | None, fresh: bool, force: bool) -> None:
    """Say what `nemoflow run WORKFLOW` would do, without doing it."""
    loaded, pipeline = load(workflow, sets)
    place = place_of(loaded, root, run_name, quiet=True)
    made = make_plan(pipeline, place, force=force, fresh=fresh)
    click.echo(f"run {place.run} of {loaded.where} under {place.store.root}: {len(made.to_run)} of {len(made.nodes)} nodes would run")
    for node in made.nodes:
        shards = f" x{node.node.shards}" if node.node.shards > 1 else ""
        click.echo(f"  {node.node.name + shards:<20} {WORDS[node.action]:<11} {node.why}")
