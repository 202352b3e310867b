"""`nemoflow search`: many runs of a workflow with other overrides, to find which serve a metric best."""

import os
import threading
from pathlib import Path
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from nemoflow.cli.cluster import CLUSTER
from nemoflow.cli.options import ROOT, WORKFLOW, load, place_of, stack, stop_on_signals
from nemoflow.errors import ConfigError, Stopped
from nemoflow.flow.local import run_local
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.plan import NodePlan
from nemoflow.search.space import Overrides, label, load_space
from nemoflow.search.study import Study
from nemoflow.search.table import Row, Table
from nemoflow.search.trial import Execute, Trials
from nemoflow.store import Store

NOT_SEARCHED = ("run", "root", "versions")
"""What of a workflow file may differ between the processes of a search."""
FIELDS = click.option("--space", "space_file", type=click.Path(path_type=Path), required=True, help="What to change and what to look at.")


@click.command()
@stack(WORKFLOW, FIELDS, ROOT, CLUSTER)
@click.option("--set", "sets", default="{}", metavar="JSON", help="Overrides of every trial; the trial's own are laid over them.")
@click.option("--trials", type=click.IntRange(1), default=None, help="How many, in place of the space's `trials`.")
@click.option("--name", default=None, help="Name of the search; default: the space file's. Its trials' runs are NAME-000 and so on.")
@click.option("--local", type=click.Path(path_type=Path), default=Path("nemoflow-search"), help="Folder for a bucket's search.")
@click.option("--together", type=click.IntRange(1, 200), default=1, metavar="N", help="Trials at once, with --cluster.")
@click.option("--show", is_flag=True, help="Only print what there is.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def search(
    workflow: Path,
    space_file: Path,
    root: str | None,
    cluster_file: Path | None,
    sets: str,
    trials: int | None,
    name: str | None,
    local: Path,
    together: int,
    show: bool,
    as_json: bool,
) -> None:
    """Run WORKFLOW with the overrides of a space file, a trial at a time, as far as the node whose metric counts.

    What an override does not touch is reused. Started again, it goes on; started twice on one machine, the two share the trials. With
    --cluster each trial is a run on that cluster.
    """
    need_optuna()
    space = load_space(space_file)
    if trials and space.points:
        raise ConfigError(f"--trials {trials}: {space_file} lists {len(space.points)} trials itself; leave --trials out")
    space = space.model_copy(update={"trials": trials}) if trials else space
    if together > 1 and cluster_file is None:
        raise ConfigError(f"--together {together}: is for trials on a cluster; here start the command again, and the two share the trials")
    loaded, _ = load(workflow, sets)
    fixed = orjson.loads(sets)
    name = name or space_file.stem.lower().replace("_", "-")

    def make(overrides: Overrides) -> Any:
        return load(workflow, label({**fixed, **overrides}))[1]

    with stop_on_signals() as stopping:
        execute: Execute = _execute_here
        if cluster_file is not None:
            from nemoflow.cli.search_cluster import on_cluster

            there = on_cluster(workflow, cluster_file, root, fixed, space, stopping)
            root, make, execute = there.root, there.make, there.execute
            if not show:
                there.check(name)
        place = place_of(loaded, root, name, stopping, holder_pid=os.getpid())
        work = Trials(space, make, place, execute)
        work.check()
        values = {key: value for key, value in loaded.values.items() if key not in NOT_SEARCHED}
        study = Study(place.store, place.run, space, label(values), local)
        telling = threading.Lock()

        def do(trial: Any) -> None:
            click.echo(f"trial {trial.number + 1} of {study.wanted}: {_in_words(trial.user_attrs['overrides'])}", err=as_json)
            try:
                work.do(study.optuna, trial)
            finally:
                with telling:
                    publish(place.store, study.key, Table.of(study.optuna, space))

        if not show:
            study.work(do, stopping, together)
    table = Table.of(study.optuna, space)
    _print(table, place.store, study.key, as_json=as_json)
    if stopping():
        raise Stopped(f"search {place.run}: stopped; the same command goes on")


def _execute_here(pipeline: Pipeline, place: Place, overrides: Overrides) -> None:
    run_local(pipeline, place, watch=_tell)


def need_optuna() -> None:
    """ConfigError that says what to install where Optuna is not there."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ConfigError("the package that proposes trials is not installed: pip install 'nemoflow[search]'") from None


def publish(store: Store, key: str, table: Table) -> None:
    """The table and the best trial's overrides beside the search."""
    store.write_bytes(f"{key}/trials.json", orjson.dumps(table.to_json(), option=orjson.OPT_INDENT_2))
    if table.best:
        store.write_bytes(f"{key}/best.toml", table.best_toml.encode())


def _tell(plan: NodePlan, manifest: Manifest | None) -> None:
    if manifest is not None and plan.action == "run":
        click.echo(f"    {plan.node.name}: {manifest.status} in {manifest.seconds:.1f} s", err=True)


def _print(table: Table, store: Store, key: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(table.to_json(), option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(highlight=False)
    console.print(_trials(table))
    if table.importance:
        console.print("importance: " + ", ".join(f"{name} {share:.0%}" for name, share in table.importance.items()))
    best = table.best
    if best is not None:
        console.print(
            f"best: trial {best.number}, {table.space.metric} {best.value:.6g}; its overrides: {store.address(f'{key}/best.toml')}"
        )
        console.print(f"  nemoflow run WORKFLOW --set '{label(best.overrides)}'", markup=False, soft_wrap=True)


def _trials(table: Table) -> RichTable:
    """One line a trial; of an ablation also how far it is from the workflow as it is."""
    first = table.rows[0].value if table.rows and table.space.ablate else None
    shown = RichTable(box=box.SIMPLE_HEAD)
    for heading in ("trial", table.space.metric, *(["difference"] if table.space.ablate else []), "seconds", "status", "overrides"):
        shown.add_column(heading, justify="left" if heading in ("status", "overrides") else "right", overflow="fold")
    for row in table.rows:
        value = "" if row.value is None else f"{row.value:.6g}"
        apart = "" if first is None or row.value is None else f"{row.value - first:+.4g}"
        shown.add_row(
            str(row.number), value, *([apart] if table.space.ablate else []), f"{row.seconds:.1f}", _status(row), _in_words(row.overrides)
        )
    return shown


def _status(row: Row) -> str:
    return f"{row.state}: {row.why}" if row.why else row.state


def _in_words(overrides: Overrides) -> str:
    shown = {key: f"{value:.4g}" if isinstance(value, float) else label(value) for key, value in overrides.items()}
    return ", ".join(f"{key} = {value}" for key, value in shown.items()) or "as it is"
