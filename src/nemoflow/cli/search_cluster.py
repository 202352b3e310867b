"""The trials of a search as runs on a cluster: each is a Workflow as `nemoflow submit` sends it, as far as the node whose metric counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nemoflow.argo.cluster import Cluster, load_cluster
from nemoflow.argo.state import OVER, RUN_LABEL, RunState
from nemoflow.cli.cluster import Rendered, render_workflow
from nemoflow.cli.submit import check_bucket
from nemoflow.errors import ConfigError, Stopped
from nemoflow.flow.build import code_version
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.plan import make_plan
from nemoflow.flow.toml import to_toml
from nemoflow.flow.workflow import Workflow, build_pipeline, make_workflow
from nemoflow.pipelines import PIPELINES
from nemoflow.search.space import Overrides, Space, label

if TYPE_CHECKING:
    from nemoflow.argo.api import Api
    from nemoflow.argo.submit import Request


@dataclass(frozen=True)
class OnCluster:
    """A workflow whose trials run on a cluster."""

    api: "Api"
    rendered: Rendered
    root: str
    fixed: Overrides
    """Overrides of every trial."""
    stopping: Callable[[], bool]

    def workflow(self, overrides: Overrides) -> Workflow:
        """The workflow as the pods of a trial see it: what is different on the cluster laid in, then the trial's overrides."""
        there = self.rendered.workflow
        return make_workflow(there.values, there.where, there.base, label({**self.fixed, **overrides}))

    def make(self, overrides: Overrides) -> Pipeline:
        """Its pipeline."""
        return build_pipeline(self.workflow(overrides), PIPELINES)

    def check(self, name: str) -> None:
        """Raise what would keep every trial from running, before the first is sent; `name` is the search's."""
        from nemoflow.argo.submit import check_cluster, check_code

        cluster = self.rendered.cluster
        check_code(cluster.tag, code_version())
        request = self._request(self.make({}), name, {})
        check_cluster(self.api, cluster, request)
        check_bucket(self.workflow({}), self.make({}), request)

    def execute(self, pipeline: Pipeline, place: Place, overrides: Overrides) -> None:
        """Run a trial's pipeline to its end: send it, or follow it where it is at work already, as after a search that was killed.

        A run that ended while no search was there is not sent again. Raises RunFailed as the run ended, Stopped where the search is asked
        to stop: the run goes on then, and is followed by the next.
        """
        from nemoflow.argo.follow import ended, follow

        if not make_plan(pipeline, place, explain=False).to_run:
            return
        at_work = [
            found for found in self.api.items("workflows", {RUN_LABEL: place.run}) if (found.get("status") or {}).get("phase") not in OVER
        ]
        # The Workflow alone: a template that is applied would take the place of the one that schedules and people start.
        sent = at_work[0] if at_work else self.api.create("workflows", self._request(pipeline, place.run, overrides).workflow)
        ended(self.api, follow(self.api, sent["metadata"]["name"], Told(place.run, self.stopping)))

    def _request(self, pipeline: Pipeline, run: str, overrides: Overrides) -> "Request":
        from nemoflow.argo.lower import lower
        from nemoflow.argo.submit import Request

        file = to_toml(self.workflow(overrides).values)
        return Request(lower(pipeline, self.rendered.cluster, self.rendered.name, file, run, self.root).to_dict(), run, self.root)


@dataclass
class Told:
    """Tells of a run what is done, a line a step; Stopped as soon as somebody asks for it."""

    run: str
    stopping: Callable[[], bool]
    _told: set[str] = field(default_factory=set)

    def show(self, state: RunState) -> None:
        """The newest state."""
        for row in state.rows:
            if row.phase == "done" and row.step not in self._told:
                self._told.add(row.step)
                click.echo(f"    {self.run} {row.step}: done in {row.seconds:.0f} s", err=True)
        if self.stopping() and not state.is_over:
            raise Stopped(f"run {self.run} goes on; the same command follows it")


def on_cluster(
    path: Path, cluster_file: Path, root: str | None, fixed: dict[str, Any], space: Space, stopping: Callable[[], bool]
) -> OnCluster:
    """A search's workflow on the cluster of a file; ConfigError where the search asks for what only a process here can hear."""
    from nemoflow.argo.api import connect

    if space.prune is not None and space.prune.figure:
        raise ConfigError(
            f"prune.figure {space.prune.figure!r}: is heard where a trial runs in this process; prune.rungs is right on a cluster"
        )
    cluster: Cluster = load_cluster(cluster_file)
    rendered = render_workflow(path, cluster)
    return OnCluster(connect(cluster.namespace), rendered, root or rendered.root, fixed, stopping)
