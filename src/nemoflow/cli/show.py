"""`nemoflow runs` and `nemoflow show`: what is there, and what happened, in the bucket and, with --cluster, on the cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from nemoflow.cli.cluster import CLUSTER, open_api, root_of
from nemoflow.cli.options import ROOT
from nemoflow.errors import EXIT_OK, InputError
from nemoflow.flow.manifest import FailureRecord, Manifest
from nemoflow.flow.place import list_runs, read_manifest
from nemoflow.flow.summary import in_words, nodes_of
from nemoflow.store import Store, open_store

if TYPE_CHECKING:
    from nemoflow.argo.history import Happening
    from nemoflow.argo.state import RunState

SHOWN_HAPPENINGS = 60
"""With more, what is usual (an attempt begins, is done) is left out of the text."""


def _failures(store: Store, run: str, node: str) -> list[FailureRecord]:
    prefix = f"runs/{run}/{node}/failure"
    keys = [entry.key for entry in store.list(f"runs/{run}/{node}") if entry.key.startswith(prefix)]
    return [FailureRecord.model_validate_json(store.read_bytes(key)) for key in keys]


def describe_run(store: Store, run: str) -> list[dict[str, Any]]:
    """One entry a node, in the order in which they were done; failures last."""
    done: list[Manifest] = []
    broken: list[dict[str, Any]] = []
    for node in nodes_of(store, run):
        manifest = read_manifest(store, run, node)
        failures = _failures(store, run, node)
        failure = max(failures, key=lambda failure: failure.started, default=None)
        if manifest is not None and (failure is None or failure.started <= manifest.started):
            done.append(manifest)
        elif failure is not None:
            entry = {"node": node, "status": "failed", "reason": failure.error}
            broken.append({**entry, "exit_code": failure.exit_code, "seconds": failure.seconds})
        else:
            broken.append({"node": node, "status": "unfinished", "reason": "begun, not finished: it runs, or was killed"})
    ordered = sorted(done, key=lambda manifest: manifest.started)
    return [_entry(manifest) for manifest in ordered] + broken


def _entry(manifest: Manifest) -> dict[str, Any]:
    return {
        "node": manifest.node,
        "step": manifest.step,
        "status": "reused" if manifest.reused_from else manifest.status,
        "seconds": manifest.seconds,
        "rows_in": manifest.rows_in,
        "rows_out": manifest.rows_out,
        "dropped": manifest.dropped,
        "metrics": manifest.metrics,
        "reason": manifest.reason,
        "is_complete": manifest.is_complete,
        "reused_from": manifest.reused_from,
        "started": manifest.started,
        "fingerprint": manifest.fingerprint,
        "outputs": {name: output.address for name, output in manifest.outputs.items()},
    }


@click.command()
@ROOT
@CLUSTER
def runs(root: str | None, cluster_file: Path | None) -> None:
    """List the runs under a root; with --cluster, its Workflows too."""
    store = open_store(root_of(root, cluster_file))
    states = _states(cluster_file) if cluster_file else {}
    for run in sorted({*list_runs(store), *states}):
        entries = describe_run(store, run)
        failed = [entry["node"] for entry in entries if entry["status"] in ("failed", "unfinished")]
        done = len(entries) - len(failed)
        where = f"; {_workflow(states[run])}" if run in states else ""
        click.echo(f"{run:<24} {done} nodes done" + (f", not done: {', '.join(failed)}" if failed else "") + where)


def _states(cluster_file: Path) -> "dict[str, RunState]":
    """The newest Workflow of each run on a cluster."""
    from nemoflow.argo.state import read_state

    workflows = sorted(
        open_api(cluster_file, None).get("workflows")["items"], key=lambda workflow: workflow["metadata"]["creationTimestamp"]
    )
    return {state.run: state for workflow in workflows if (state := read_state(workflow)).run}


def _workflow(state: "RunState") -> str:
    return f"workflow {state.name} {state.phase.lower() or 'new'}" + (f": {state.message}" if state.message else "")


def _on_cluster(run: str, cluster_file: Path) -> "tuple[RunState | None, tuple[Happening, ...]]":
    """A run's newest Workflow and what happened; None and nothing where it is cleared away, or was never on the cluster."""
    from nemoflow.argo.follow import look
    from nemoflow.argo.history import read_history
    from nemoflow.argo.submit import find_run

    api = open_api(cluster_file, None)
    try:
        return look(api, find_run(api, run)["metadata"]["name"])[0], read_history(api, run)
    except InputError:
        return None, ()


def _join(entries: list[dict[str, Any]], state: "RunState") -> list[dict[str, Any]]:
    """What the bucket holds, and of what it does not hold yet, what the cluster says."""
    held = [entry for entry in entries if entry["status"] not in ("failed", "unfinished")]
    broken = {entry["node"]: entry for entry in entries if entry not in held}
    known = {entry["node"] for entry in held}
    for row in state.rows:
        if row.step not in known:
            said = {"status": row.phase, "seconds": round(row.seconds, 1)} | ({"reason": row.why} if row.why else {})
            held.append({"node": row.step, **broken.get(row.step, {}), **(said if row.phase != "failed" or row.step not in broken else {})})
    return held


@click.command()
@click.argument("run")
@ROOT
@CLUSTER
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def show(run: str, root: str | None, cluster_file: Path | None, as_json: bool) -> None:
    """Show RUN: step, status, seconds, rows in and out, what was dropped and why, what was reused.

    With --cluster also what is at work, and what happened when: attempts, lost and preempted pods, waits.
    """
    store = open_store(root_of(root, cluster_file))
    state, happenings = _on_cluster(run, cluster_file) if cluster_file else (None, ())
    held = describe_run(store, run)
    entries = _join(held, state) if state else held
    if not entries:
        raise InputError(f"run {run!r}: nothing under {store.root}; runs there: {', '.join(list_runs(store)) or 'none'}")
    if as_json:
        seen = _as_json(state, happenings) if state else {}
        told = {"run": run, "root": store.root, **seen, "summary": _summary(held, state), "nodes": entries}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    if state:
        click.echo(_workflow(state))
    width = max(len(entry["node"]) for entry in entries)
    click.echo(f"{'node':<{width}}  {'status':<10} {'seconds':>8} {'rows in':>8} {'rows out':>8}  dropped, reused from, reason")
    for entry in entries:
        click.echo(
            f"{entry['node']:<{width}}  {entry['status']:<10} {entry.get('seconds', 0):>8.1f} {entry.get('rows_in') or '':>8} "
            f"{entry.get('rows_out') or '':>8}  {_remarks(entry)}"
        )
    for line in _told(happenings):
        click.echo(line)
    if summary := _summary(held, state):
        click.echo(summary)


def _summary(held: list[dict[str, Any]], state: "RunState | None") -> str:
    """One sentence on a run of which every step is done; empty for others. A step that had nothing to do does not count."""
    statuses = [entry["status"] for entry in held]
    is_done = {*statuses} <= {"done", "reused", "skipped"} and (state is None or state.exit_code == EXIT_OK)
    return in_words([status == "reused" for status in statuses]) if is_done else ""


def _as_json(state: "RunState", happenings: "tuple[Happening, ...]") -> dict[str, Any]:
    from nemoflow.argo.history import counts

    return {
        "workflow": {"name": state.name, "uid": state.uid, "phase": state.phase, "exit_code": state.exit_code},
        "counts": counts(happenings),
        "history": [happening.to_json() for happening in happenings],
    }


def _told(happenings: "tuple[Happening, ...]") -> Iterator[str]:
    """What happened, as lines: a sum, then one thing a line."""
    from nemoflow.argo.history import counts

    if not happenings:
        return
    sums = [f"{str(name).replace('_', ' ')} {count}" for name, count in counts(happenings).items() if count]
    yield f"\nwhat happened (UTC): {', '.join(sums) or 'nothing yet'}"
    shown = happenings if len(happenings) <= SHOWN_HAPPENINGS else [each for each in happenings if each.kind not in ("begin", "done")]
    width = max((len(each.where) for each in shown), default=0)
    day = ""
    for each in shown:
        date, clock = each.at[:10], each.at[11:19]
        if date != day:
            yield date
            day = date
        took = f" after {each.seconds:g} s" if each.seconds and each.kind != "wait" else ""
        yield f"  {clock}  {each.where:<{width}}  {each.what if not took else _after(each.what, took)}"
    if len(shown) < len(happenings):
        yield f"  {len(happenings) - len(shown)} ordinary beginnings and ends are left out; --json has them"


def _after(what: str, took: str) -> str:
    """The time that something took, behind its first words: `done after 3 s`, `lost after 5 s: pod deleted`."""
    head, colon, rest = what.partition(":")
    return f"{head}{took}{colon}{rest}"


def _remarks(entry: dict[str, Any]) -> str:
    parts = [f"{reason} {count}" for reason, count in sorted(entry.get("dropped", {}).items())]
    if entry.get("reused_from"):
        parts.append(f"from {entry['reused_from'].removeprefix('runs/')}")
    if not entry.get("is_complete", True):
        parts.append("incomplete, so other runs make it again")
    if entry.get("reason"):
        parts.append(entry["reason"])
    return ", ".join(parts)
