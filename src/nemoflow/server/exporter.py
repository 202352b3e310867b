"""The exporter: looks at cluster and bucket at intervals, and shows the newest look under /metrics."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from nemoflow.argo.api import Api
from nemoflow.errors import NemoflowError
from nemoflow.server.held import Held
from nemoflow.server.metrics import Look, Metrics, Source
from nemoflow.server.readings import RunReading, is_ours, read_attempts, read_pod, read_run, read_teachers

OURS = {"app.kubernetes.io/part-of": "nemoflow"}
TEACHERS = {**OURS, "app.kubernetes.io/component": "teacher"}


@dataclass(frozen=True)
class World:
    """A namespace and a bucket, one of which may be missing."""

    api: Api | None
    held: Held | None
    gpu_resources: Sequence[str]
    most_runs: int

    def look(self) -> Look:
        """Read everything now."""
        now = time.time()
        if self.api is None:
            return Look(now, steps=tuple(self.held.steps(self.held.newest(self.most_runs)))) if self.held else Look(now)
        workflows = [found for found in self.api.get("workflows")["items"] if is_ours(found)]
        pods = self.api.items("pods", OURS)
        leases = self.api.get("leases")["items"]
        runs = sorted((read_run(workflow, now) for workflow in workflows), key=lambda run: (run.is_over, -run.started))
        return Look(
            now,
            runs=tuple(runs),
            attempts=tuple(attempt for workflow in workflows for attempt in read_attempts(workflow)),
            pods=tuple(read_pod(pod, self.gpu_resources) for pod in pods),
            teachers=tuple(read_teachers(self.api.items("deployments", TEACHERS), leases, workflows, now)),
            steps=tuple(self.held.steps(self._newest(runs, self.held.store.root))) if self.held else (),
        )

    def _newest(self, runs: Sequence[RunReading], root: str) -> dict[str, bool]:
        """Runs with series of their own whose results lie in this bucket, by whether they are over."""
        shown = reversed(runs[: self.most_runs])  # where a name comes twice, the newer Workflow says what it is at
        return {run.run: run.is_over for run in shown if run.root.rstrip("/") == root.rstrip("/")}


METRICS = web.AppKey("metrics", Metrics)


def create_app(metrics: Metrics, source: Source, every_s: float, say: Callable[[str], None]) -> web.Application:
    """The server as a value: GET /metrics and /healthz. It looks once before it answers."""
    app = web.Application()
    app[METRICS] = metrics

    async def looking(_: web.Application) -> AsyncIterator[None]:
        await asyncio.to_thread(_look, metrics, source, say)
        task = asyncio.create_task(_keep_looking(metrics, source, every_s, say))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app.cleanup_ctx.append(looking)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _healthy)
    return app


async def _keep_looking(metrics: Metrics, source: Source, every_s: float, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(_look, metrics, source, say)


def _look(metrics: Metrics, source: Source, say: Callable[[str], None]) -> None:
    """One look; what fails is counted and told, and what was seen before stays."""
    try:
        metrics.take(source.look())
    except NemoflowError as error:
        metrics.failed(type(error).__name__)
        say(f"could not look: {error}")


async def _metrics(request: web.Request) -> web.Response:
    text = generate_latest(request.app[METRICS].registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


async def _healthy(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
