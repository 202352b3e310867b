"""Metrics for Prometheus: what the cluster does and what the bucket holds, under names that do not multiply.

Only the newest runs have series of their own. Counters begin at 0 with the process and count what happens while it looks, so that they may
be added up over restarts. This module imports prometheus_client; import it only where a server is wanted.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from nemoflow.server.held import StepReading
from nemoflow.server.readings import OUTCOMES, Attempt, PodReading, RunReading, TeacherReading

WAITS_S = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)
disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
OVER_PHASES = ("done", "failed", "stopped")
PHASES = ("waiting", "running", *OVER_PHASES)


@dataclass(frozen=True)
class Look:
    """All that was read at one moment."""

    now: float
    runs: tuple[RunReading, ...] = ()
    """Every run, newest first."""
    attempts: tuple[Attempt, ...] = ()
    pods: tuple[PodReading, ...] = ()
    teachers: tuple[TeacherReading, ...] = ()
    steps: tuple[StepReading, ...] = ()
    """Of the newest runs."""


class Source(Protocol):
    """Where looks come from."""

    def look(self) -> Look:
        """Read everything now."""
        ...


@dataclass(eq=False)
class Metrics:
    """The newest look as gauges, and counters over all looks."""

    most_runs: int = 50
    """Runs with series of their own; those at work come first."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _last: Look | None = None
    _counted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        self._gpu_seconds = counter("nemoflow_gpu_seconds", "Seconds that GPUs were held, whether used or not", "team", "component")
        self._ended = counter("nemoflow_runs_ended", "Runs that ended: done, failed or stopped", "team", "pipeline", "outcome")
        self._attempts = counter("nemoflow_attempts_ended", "Pods of steps that ended, by exit code", "team", "step", "outcome")
        wait = "Seconds from a pod's making to its node"
        self._waits = Histogram("nemoflow_queue_wait_seconds", wait, ("team", "pool"), registry=self.registry, buckets=WAITS_S)
        self._errors = counter("nemoflow_exporter_errors", "Looks that failed", "kind")
        self._seen = Gauge("nemoflow_exporter_last_look_timestamp_seconds", "When all was read last", registry=self.registry)
        self.registry.register(self)

    def take(self, look: Look) -> None:
        """Count what happened since the last look, and show this one."""
        self._begin(look)
        if self._last is not None:
            self._count(self._last.now, look)
        self._counted = _present(look)
        self._last = look
        self._seen.set(look.now)

    def failed(self, kind: str) -> None:
        """A look that came to nothing."""
        self._errors.labels(kind).inc()

    def _begin(self, look: Look) -> None:
        """Counters of all that may happen, at 0: what first appears as 1 is no increase to Prometheus."""
        for run in look.runs:
            for phase in OVER_PHASES:
                self._ended.labels(run.team, run.pipeline, phase)
            for row in run.rows:
                for outcome in (*OUTCOMES.values(), "lost"):
                    self._attempts.labels(run.team, row.step.removesuffix(" (exit)"), outcome)
        for pod in look.pods:
            self._waits.labels(pod.team, pod.pool)
            if pod.gpus:
                self._gpu_seconds.labels(pod.team, pod.component)

    def _count(self, since: float, look: Look) -> None:
        for pod in look.pods:
            held = min(pod.ended or look.now, look.now) - max(pod.placed, since)
            if pod.gpus and pod.placed and held > 0:
                self._gpu_seconds.labels(pod.team, pod.component).inc(pod.gpus * held)
            if pod.placed and f"placed {pod.uid}" not in self._counted:
                self._waits.labels(pod.team, pod.pool).observe(max(0.0, pod.placed - pod.created))
        for run in look.runs:
            if run.is_over and f"ended {run.uid}" not in self._counted:
                self._ended.labels(run.team, run.pipeline, run.phase).inc()
        for attempt in look.attempts:
            if f"attempt {attempt.key}" not in self._counted:
                self._attempts.labels(attempt.team, attempt.step, attempt.outcome).inc()

    def describe(self) -> list[Metric]:
        """Nothing: names are known when they are collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The newest look."""
        look = self._last
        if look is None:
            return
        runs = sorted(look.runs, key=lambda run: (run.is_over, -run.started))[: self.most_runs]
        yield from _of_runs(runs)
        yield from _of_steps(look.steps)
        yield from _of_pods(look)
        yield from _of_teachers(look.teachers)


def _present(look: Look) -> set[str]:
    """What has happened by now, by keys."""
    placed = {f"placed {pod.uid}" for pod in look.pods if pod.placed}
    return placed | {f"ended {run.uid}" for run in look.runs if run.is_over} | {f"attempt {attempt.key}" for attempt in look.attempts}


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _of_runs(runs: list[RunReading]) -> Iterator[Metric]:
    newest = {run.run: run for run in reversed(runs)}  # a run that was submitted again has several Workflows
    kept = list(newest.values())
    about = ("run", "team", "pipeline")

    def each(value: Callable[[RunReading], float]) -> list[tuple[tuple[str, ...], float]]:
        return [((run.run, run.team, run.pipeline), value(run)) for run in kept]

    phases = [((run.run, run.team, run.pipeline, phase), float(run.phase == phase)) for run in kept for phase in PHASES]
    yield _gauge("nemoflow_run_phase", "1 for the phase that a run is in", (*about, "phase"), phases)
    yield _gauge("nemoflow_run_started_timestamp_seconds", "When a run began", about, each(lambda run: run.started))
    yield _gauge("nemoflow_run_changed_timestamp_seconds", "When a pod of it last began or ended", about, each(lambda run: run.changed))
    rows = [((run.run, row.step), row) for run in kept for row in run.rows if row.attempts]
    yield _gauge(
        "nemoflow_step_seconds", "From a step's first attempt to now, or its end", ("run", "step"), [(k, r.seconds) for k, r in rows]
    )
    yield _gauge("nemoflow_step_attempts", "Pods that a step took so far", ("run", "step"), [(k, float(r.attempts)) for k, r in rows])


def _of_steps(steps: tuple[StepReading, ...]) -> Iterator[Metric]:
    about = ("run", "step")
    rows = [((s.run, s.step, way), float(count)) for s in steps for way, count in (("in", s.rows_in), ("out", s.rows_out))]
    yield _gauge("nemoflow_step_rows", "Rows that a finished step took and gave", (*about, "direction"), rows)
    dropped = [((s.run, s.step, reason), float(count)) for s in steps for reason, count in s.dropped.items()]
    yield _gauge("nemoflow_step_dropped_rows", "Rows that a step dropped, by reason", (*about, "reason"), dropped)
    tokens = [((s.run, s.step, kind), float(count)) for s in steps for kind, count in s.tokens.items()]
    yield _gauge("nemoflow_step_tokens", "Tokens of a step: prompt, completion, trained", (*about, "kind"), tokens)
    reused = [((s.run, s.step), float(s.is_reused)) for s in steps]
    yield _gauge("nemoflow_step_reused", "1 where another run's result was taken", about, reused)


def _of_pods(look: Look) -> Iterator[Metric]:
    groups = sorted({(pod.team, pod.component) for pod in look.pods if pod.gpus})
    held = [pod for pod in look.pods if pod.gpus and pod.placed and not pod.ended]
    used = [(key, float(sum(pod.gpus for pod in held if (pod.team, pod.component) == key))) for key in groups]
    yield _gauge("nemoflow_gpus_held", "GPUs that pods hold now", ("team", "component"), used)
    pools = sorted({(pod.team, pod.pool) for pod in look.pods})
    waiting = {key: [pod for pod in look.pods if pod.waits and (pod.team, pod.pool) == key] for key in pools}
    yield _gauge("nemoflow_pods_waiting", "Pods without a node", ("team", "pool"), [(k, float(len(pods))) for k, pods in waiting.items()])
    longest = [(key, max((look.now - pod.created for pod in pods), default=0.0)) for key, pods in waiting.items()]
    yield _gauge("nemoflow_longest_wait_seconds", "How long the oldest of them waits", ("team", "pool"), longest)


def _of_teachers(teachers: tuple[TeacherReading, ...]) -> Iterator[Metric]:
    values: tuple[tuple[str, str, Callable[[TeacherReading], int]], ...] = (
        ("nemoflow_teacher_replicas", "Copies that are wanted", lambda found: found.wanted),
        ("nemoflow_teacher_ready_replicas", "Copies that answer", lambda found: found.ready),
        ("nemoflow_teacher_leases", "Live leases: runs that want it awake", lambda found: found.leases),
    )
    for name, text, value in values:
        yield _gauge(name, text, ("teacher",), [((found.name,), float(value(found))) for found in teachers])
