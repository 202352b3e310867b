"""`nemoflow runs` and `nemoflow show`: what is there, and what happened."""

from typing import Any

import click
import orjson

from nemoflow.cli.options import DEFAULT_ROOT, ROOT
from nemoflow.errors import InputError
from nemoflow.flow.manifest import FailureRecord, Manifest
from nemoflow.flow.place import list_runs, read_manifest
from nemoflow.store import Store, open_store


def _nodes(store: Store, run: str) -> list[str]:
    return sorted({entry.key.split("/")[2] for entry in store.list(f"runs/{run}") if entry.key.count("/") >= 3})


def _failures(store: Store, run: str, node: str) -> list[FailureRecord]:
    prefix = f"runs/{run}/{node}/failure"
    keys = [entry.key for entry in store.list(f"runs/{run}/{node}") if entry.key.startswith(prefix)]
    return [FailureRecord.model_validate_json(store.read_bytes(key)) for key in keys]


def describe_run(store: Store, run: str) -> list[dict[str, Any]]:
    """One entry a node, in the order in which they were done; failures last."""
    done: list[Manifest] = []
    broken: list[dict[str, Any]] = []
    for node in _nodes(store, run):
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
def runs(root: str | None) -> None:
    """List the runs under a root."""
    store = open_store(root or DEFAULT_ROOT)
    for run in list_runs(store):
        entries = describe_run(store, run)
        failed = [entry["node"] for entry in entries if entry["status"] in ("failed", "unfinished")]
        done = len(entries) - len(failed)
        click.echo(f"{run:<24} {done} nodes done" + (f", not done: {', '.join(failed)}" if failed else ""))


@click.command()
@click.argument("run")
@ROOT
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def show(run: str, root: str | None, as_json: bool) -> None:
    """Show RUN: step, status, seconds, rows in and out, what was dropped and why, what was reused."""
    store = open_store(root or DEFAULT_ROOT)
    entries = describe_run(store, run)
    if not entries:
        raise InputError(f"run {run!r}: nothing under {store.root}; runs there: {', '.join(list_runs(store)) or 'none'}")
    if as_json:
        click.echo(orjson.dumps({"run": run, "root": store.root, "nodes": entries}, option=orjson.OPT_INDENT_2))
        return
    width = max(len(entry["node"]) for entry in entries)
    click.echo(f"{'node':<{width}}  {'status':<10} {'seconds':>8} {'rows in':>8} {'rows out':>8}  dropped, reused from, reason")
    for entry in entries:
        click.echo(
            f"{entry['node']:<{width}}  {entry['status']:<10} {entry.get('seconds', 0):>8.1f} {entry.get('rows_in') or '':>8} "
            f"{entry.get('rows_out') or '':>8}  {_remarks(entry)}"
        )


def _remarks(entry: dict[str, Any]) -> str:
    parts = [f"{reason} {count}" for reason, count in sorted(entry.get("dropped", {}).items())]
    if entry.get("reused_from"):
        parts.append(f"from {entry['reused_from'].removeprefix('runs/')}")
    if not entry.get("is_complete", True):
        parts.append("incomplete, so other runs make it again")
    if entry.get("reason"):
        parts.append(entry["reason"])
    return ", ".join(parts)
