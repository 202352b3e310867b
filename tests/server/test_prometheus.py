"""Prometheus itself: it takes what the exporter says, the rules do what they are for, and every query of the dashboard finds numbers."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from tests.argo.api_server import serving
from tests.helm.chart import CHART
from tests.server.world import fill, node, put_pod, put_workflow

from nemoflow.ports import free_port

FILES = CHART / "files" / "metrics"
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
RULES = yaml.safe_load((FILES / "rules.yaml").read_text())["groups"][0]["rules"]
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
PATIENCE_S = 60.0


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"PROMETHEUS IS NOT TRIED: no {name} on PATH; Debian's package `prometheus` has it")
    return found


def test_the_dashboard_is_what_its_script_makes() -> None:
    assert subprocess.run([sys.executable, CHART.parent / "dashboard", "--check"]).returncode == 0


def test_no_panel_of_the_dashboard_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_the_rules_are_taken_and_ring_when_they_should_and_not_before() -> None:
    checked = subprocess.run([program("promtool"), "check", "rules", str(FILES / "rules.yaml")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    tested = subprocess.run([program("promtool"), "test", "rules", "rules_test.yaml"], cwd=FILES, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


class Prometheus:
    """A server that scrapes one target each half second."""

    def __init__(self, folder: Path, target: int) -> None:
        self.port = free_port()
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(FILES / "rules.yaml")],
            "scrape_configs": [{"job_name": "nemoflow", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        command = [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "prometheus.log").open("wb") as log:
            self.process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)

    def ask(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def wait_for(self, query: str) -> list[dict[str, Any]]:
        """What a query finds, once it finds something."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if found := self.ask("query", query=query)["result"]:
                    return list(found)
            except OSError:
                pass  # it is not up yet
            time.sleep(0.2)
        raise AssertionError(f"nothing for {query} within {PATIENCE_S} s")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    with serving(folder) as (server, kubeconfig):
        root = fill(server, folder)
        port = free_port()
        command = [sys.executable, "-m", "nemoflow.cli.main", "metrics", "serve", "--root", root, "--port", str(port), "--every-s", "1"]
        exporter = subprocess.Popen(command, env={"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin", "HOME": str(folder)}, cwd=folder)
        found = Prometheus(folder, port)
        try:
            found.wait_for("nemoflow_run_phase == 1")
            put_workflow(server, "one", "Failed", root, [node("b", "Failed", 300, 1, "1")], ended_ago=0)
            put_pod(server, "p-waits", "step", 4, 200, 0)
            found.wait_for('nemoflow_runs_ended_total{outcome="failed"} > 0')
            yield found
        finally:
            for process in (exporter, found.process):
                process.send_signal(signal.SIGTERM)
            assert exporter.wait(60) == 0
            found.process.wait(60)


def test_the_exporter_is_scraped_without_a_complaint(prometheus: Prometheus) -> None:
    [target] = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    [series] = prometheus.wait_for("scrape_samples_scraped")
    assert 50 < float(series["value"][1]) < 1000


def test_every_metric_that_rules_and_dashboard_name_is_there(prometheus: Prometheus) -> None:
    there = set(prometheus.ask("label/__name__/values"))
    named = {name for query in [*QUERIES, *(rule["expr"] for rule in RULES)] for name in re.findall(r"nemoflow_\w+", query)}
    assert named
    assert named - there == set()


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_dashboard_finds_numbers(prometheus: Prometheus, query: str) -> None:
    prometheus.wait_for(query.replace("$team", ".*").replace("$run", ".*"))


def test_the_alerts_are_loaded_and_a_leaking_teacher_is_pending(prometheus: Prometheus) -> None:
    loaded = {rule["name"]: rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]}
    assert set(loaded) == {rule["alert"] for rule in RULES}
    [alert] = prometheus.wait_for('ALERTS{alertname="NemoflowTeacherLeaks"}')
    assert alert["metric"]["teacher"] == "nemoflow-teacher"
