"""Metrics: what a cluster's objects and a bucket's manifests become, and that counters count each thing once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.argo.api_server import ApiServer, serving
from tests.server.world import fill, node, put_lease, put_pod, put_workflow

from nemoflow.argo.api import connect
from nemoflow.cli.main import main
from nemoflow.flow.manifest import Manifest
from nemoflow.server.exporter import World
from nemoflow.server.held import MOST_REASONS, Held, read_step
from nemoflow.server.metrics import Look, Metrics
from nemoflow.server.readings import PodReading
from nemoflow.store import open_store

GPU = ("nvidia.com/gpu",)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[tuple[ApiServer, World]]:
    with serving(tmp_path) as (server, kubeconfig):
        root = fill(server, tmp_path)
        yield server, World(connect("nemoflow", str(kubeconfig)), Held(open_store(root)), GPU, 50)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_look_shows_runs_steps_pods_and_teachers_as_they_are(there: tuple[ApiServer, World]) -> None:
    metrics = Metrics()
    metrics.take(there[1].look())
    run = {"run": "one", "team": "vision", "pipeline": "demo"}
    assert value(metrics, "nemoflow_run_phase", **run, phase="running") == 1
    assert value(metrics, "nemoflow_run_phase", **{**run, "run": "two"}, phase="failed") == 1
    assert value(metrics, "nemoflow_step_rows", run="one", step="copy", direction="in") == 3
    assert value(metrics, "nemoflow_step_reused", run="two", step="copy") == 1
    assert value(metrics, "nemoflow_step_reused", run="one", step="copy") == 0
    assert value(metrics, "nemoflow_gpus_held", team="vision", component="step") == 2
    assert value(metrics, "nemoflow_gpus_held", team="vision", component="teacher") == 8
    assert value(metrics, "nemoflow_pods_waiting", team="vision", pool="train") == 1
    assert value(metrics, "nemoflow_longest_wait_seconds", team="vision", pool="train") == pytest.approx(200, abs=60)
    assert value(metrics, "nemoflow_teacher_replicas", teacher="nemoflow-teacher") == 1
    assert value(metrics, "nemoflow_teacher_leases", teacher="nemoflow-teacher") == 0


@pytest.mark.parametrize(
    ("owner", "renewed_ago", "live"), [("one-x", 9999, 1), ("two-x", 0, 0), ("gone-x", 0, 0), ("", 10, 1), ("", 90, 0)]
)
def test_a_lease_is_live_while_its_workflow_is_at_work_or_a_laptop_renews_it(
    there: tuple[ApiServer, World], owner: str, renewed_ago: float, live: int
) -> None:
    server, world = there
    put_lease(server, "lease", owner, renewed_ago)
    metrics = Metrics()
    metrics.take(world.look())
    assert value(metrics, "nemoflow_teacher_leases", teacher="nemoflow-teacher") == live


def test_what_happened_before_the_first_look_is_not_counted_and_what_happens_after_is_counted_once(there: tuple[ApiServer, World]) -> None:
    server, world = there
    metrics = Metrics()
    metrics.take(world.look())
    assert value(metrics, "nemoflow_runs_ended_total", team="vision", pipeline="demo", outcome="failed") == 0
    put_workflow(server, "one", "Succeeded", "", [node("a", "Failed", 500, 400, "75"), node("b", "Succeeded", 300, 1, "0")], ended_ago=0)
    put_pod(server, "p-waits", "step", 4, 200, 20)
    for _ in range(3):
        metrics.take(world.look())
    assert value(metrics, "nemoflow_runs_ended_total", team="vision", pipeline="demo", outcome="done") == 1
    assert value(metrics, "nemoflow_attempts_ended_total", team="vision", step="train", outcome="done") == 1
    assert value(metrics, "nemoflow_attempts_ended_total", team="vision", step="train", outcome="again") == 0
    assert value(metrics, "nemoflow_queue_wait_seconds_count", team="vision", pool="train") == 1
    assert value(metrics, "nemoflow_queue_wait_seconds_sum", team="vision", pool="train") == pytest.approx(180, abs=60)


@given(
    placed=st.floats(1, 100),
    held=st.none() | st.floats(0, 100),
    looks=st.lists(st.floats(0.1, 30), min_size=2, max_size=12),
)
def test_gpu_seconds_are_those_between_the_first_look_and_the_last(placed: float, held: float | None, looks: list[float]) -> None:
    metrics, now, ended = Metrics(), 1.0, 0.0 if held is None else placed + held
    first = now
    for pause in looks:
        metrics.take(_with_pod(now, placed, ended))
        last, now = now, now + pause
    expected = max(0.0, min(ended or last, last) - max(placed, first))
    assert value(metrics, "nemoflow_gpu_seconds_total", team="a", component="step") == pytest.approx(3 * expected, abs=1e-6)


def _with_pod(now: float, placed: float, ended: float) -> Look:
    is_there = now >= placed
    pod = PodReading("u", "a", "step", "train", 3, 0.5, placed if is_there else 0.0, ended if ended and now >= ended else 0.0)
    return Look(now, pods=(pod,))


def test_only_the_newest_runs_have_series(there: tuple[ApiServer, World]) -> None:
    server, world = there
    for n in range(20):
        put_workflow(server, f"old-{n}", "Succeeded", world.held.store.root if world.held else "", [], ended_ago=1)
    metrics = Metrics(most_runs=3)
    metrics.take(replace(world, most_runs=3).look())
    runs = {sample.labels["run"] for family in metrics.registry.collect() for sample in family.samples if "run" in sample.labels}
    assert len(runs) == 3
    assert "one" in runs


def test_a_step_with_endless_reasons_has_few_series_and_loses_no_row() -> None:
    dropped = {f"reason {n}": n for n in range(500)}
    manifest = Manifest(
        run="r",
        node="filter",
        step="filter",
        version=1,
        fingerprint="f",
        config={},
        dropped=dropped,
        started="2026-01-01",
        seconds=1,
        code="c",
    )
    step = read_step("r", manifest)
    assert len(step.dropped) == MOST_REASONS + 1
    assert sum(step.dropped.values()) == sum(dropped.values())


def test_a_cluster_that_is_away_is_counted_and_the_last_look_stays(there: tuple[ApiServer, World], tmp_path: Path) -> None:
    from nemoflow.server.exporter import _look

    server, world = there
    metrics, lines = Metrics(), list[str]()
    _look(metrics, world, lines.append)
    server.refused[("GET", "/workflows")] = (503, "busy")
    _look(metrics, world, lines.append)
    assert value(metrics, "nemoflow_exporter_errors_total", kind="ClusterError") == 1
    assert value(metrics, "nemoflow_gpus_held", team="vision", component="step") == 2
    assert "busy" in lines[0]


def test_a_folder_alone_is_enough_and_what_is_printed_is_metrics(
    there: tuple[ApiServer, World], capsys: pytest.CaptureFixture[str]
) -> None:
    held = there[1].held
    assert held is not None
    main(["metrics", "print", "--no-cluster", "--root", held.store.root])
    families = {family.name: family for family in text_string_to_metric_families(capsys.readouterr().out)}
    assert {sample.labels["run"] for sample in families["nemoflow_step_rows"].samples} == {"one", "two"}
