"""The chart as tests use it: rendered by the real helm, nothing sent anywhere."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "helm" / "nemoflow"
QUOTAS = CHART.parent / "nemoflow-quotas"
PROFILES = sorted(CHART.glob("ci/*-values.yaml"))
WORKLOADS = {"Deployment", "StatefulSet", "Job"}


def helm(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run helm, the built cluster's or that on PATH."""
    cache = Path(os.environ.get("CLUSTER_CACHE", Path.home() / ".cache" / "cluster"))
    program = shutil.which("helm") or shutil.which(cache / "bin" / "helm")
    if program is None:
        pytest.skip("THE CHART IS NOT TESTED: no helm on PATH")
    return subprocess.run([program, *args], input=stdin, capture_output=True, text=True, timeout=240)


def refusal(values: dict[str, Any], chart: Path = CHART) -> str:
    """What helm says to values that it does not take."""
    done = helm("template", "nemoflow", str(chart), "--namespace", "team", "--values", "-", stdin=yaml.safe_dump(values))
    assert done.returncode, "was not refused"
    return done.stderr


def render(values: dict[str, Any] | Path | None = None, *, chart: Path = CHART, release: str = "nemoflow") -> list[dict[str, Any]]:
    """The objects that an installation in namespace `team` would send."""
    if isinstance(values, Path):
        values = yaml.safe_load(values.read_text())
    done = helm("template", release, str(chart), "--namespace", "team", "--values", "-", stdin=yaml.safe_dump(values or {}))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by name."""
    return {found["metadata"]["name"]: found for found in objects if found["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pod templates of the workloads, by what they are for."""
    for found in objects:
        if found["kind"] in WORKLOADS:
            yield found["metadata"]["name"], found["spec"]["template"]
