"""The local run: the nodes of a pipeline in order, in this process, each through execute."""

from collections.abc import Callable
from dataclasses import dataclass

from nemoflow.errors import NemoflowError, Stopped
from nemoflow.flow.claim import claim
from nemoflow.flow.execute import execute, reuse
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.plan import NodePlan, Plan, make_plan
from nemoflow.flow.step import Shard


@dataclass(frozen=True)
class RunResult:
    """What a local run did."""

    plan: Plan
    executed: tuple[str, ...]
    """Nodes whose step ran."""


Watcher = Callable[[NodePlan, Manifest | None], None]
"""Told before a node's work (manifest None) and after it."""


def _watch_nothing(plan: NodePlan, manifest: Manifest | None) -> None:
    pass


def run_local(pipeline: Pipeline, place: Place, *, force: bool = False, fresh: bool = False, watch: Watcher = _watch_nothing) -> RunResult:
    """Run what has to run; the cleanup runs whenever what it cleans up had run, also after a failure or a stop.

    An effect that fails leaves nothing behind itself, so there is nothing to clean up then. Raises ClaimError where another process
    is at this run.
    """
    with claim(place.store, f"claims/{place.run}.json"):  # a second run of this name would share, and then release, the first one's teacher
        return _run(pipeline, place, watch, force=force, fresh=fresh)


def _run(pipeline: Pipeline, place: Place, watch: Watcher, *, force: bool, fresh: bool) -> RunResult:
    plan = make_plan(pipeline, place, force=force, fresh=fresh)
    executed: list[str] = []
    try:
        for step in plan.nodes:
            if step.node is pipeline.cleanup:
                continue
            if place.stopping():
                raise Stopped(f"run {place.run} was asked to stop before {step.node.name}; run it again to go on from there")
            _do(pipeline, step, place, executed, watch, force=force, fresh=fresh)
    except BaseException as error:
        _clean_up(pipeline, plan, place, executed, watch, failed=error)
        raise
    _clean_up(pipeline, plan, place, executed, watch, failed=None)
    return RunResult(plan, tuple(executed))


def _do(pipeline: Pipeline, plan: NodePlan, place: Place, executed: list[str], watch: Watcher, *, force: bool, fresh: bool) -> None:
    node = plan.node
    manifest = plan.found
    if plan.action == "reuse" and manifest is not None:
        manifest = reuse(node.name, manifest, place)
    elif plan.action == "run":
        watch(plan, None)
        for index in range(node.shards):
            manifest = execute(pipeline, node.name, place, Shard(index, node.shards), force=force, fresh=fresh)
        manifest = place.manifest(node.name) or manifest
        executed.append(node.name)
    if plan.action != "rest":
        watch(plan, manifest)


def _clean_up(pipeline: Pipeline, plan: Plan, place: Place, executed: list[str], watch: Watcher, *, failed: BaseException | None) -> None:
    node = pipeline.cleanup
    if node is None or not {edge.node for edge in node.edges.values()} & set(executed):
        return
    cleanup = plan[node.name]
    try:
        watch(cleanup, None)
        manifest = execute(pipeline, node.name, place)
        executed.append(node.name)
        watch(cleanup, manifest)
    except NemoflowError as error:
        if failed is None:
            raise
        failed.add_note(f"and the cleanup {node.name} failed: {error}")
