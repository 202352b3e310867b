"""200 shards of a step that does next to nothing: none is lost; what it costs the controller, and what `submit --no-follow` takes.

    make cluster images && .venv/bin/python -m benchmarks.shards [SHARDS]

The controller's figures are its own: how often it looked at a workflow, for how long, and how much of a core it used.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.kubectl import Kubectl
from tests.cluster.team import SHORT, Team, made_team, new_run
from tests.cluster.tool import life

BAR_SUBMIT_S = 4.0
SUBMITS = 7
IMAGES = Path("build/images/images.json")
WORKFLOW = 'pipeline = "toy_pipeline:toy"\n[shards]\ncopy = {shards}\n[make]\nsalt = "{{run}}"\ncount = {count}\n'
LOOKED, LOOKS, CORE = METRICS = (
    "argo_workflows_operation_duration_seconds_sum",
    "argo_workflows_operation_duration_seconds_count",
    "process_cpu_seconds_total",
)
COUNT = 1000
"""Rows, so that hardly a shard is empty."""


def controller(admin: Kubectl) -> dict[str, float]:
    """Its metrics now."""
    argo = Kubectl(admin.program, admin.kubeconfig, "argo")
    pod = argo.get("pods", app="workflow-controller")["items"][0]["metadata"]["name"]
    lines = argo("get", "--raw", f"/api/v1/namespaces/argo/pods/https:{pod}:9090/proxy/metrics").splitlines()
    return {name: float(value) for name, _, value in (line.partition(" ") for line in lines) if name in METRICS}


def submits(team: Team) -> list[float]:
    """Seconds of `nemoflow submit --no-follow`, one after another."""
    seconds = []
    for _ in range(SUBMITS):
        begun = time.perf_counter()
        assert team.submit("--no-follow", run=new_run(), workflow=SHORT).code == 0
        seconds.append(time.perf_counter() - begun)
    return seconds


def fan_out(team: Team, admin: Kubectl, shards: int) -> int:
    """Run it, print what it took; rows or shards that are missing at the end."""
    run, before, begun = new_run(), controller(admin), time.perf_counter()
    done = team.submit(run=run, workflow=WORKFLOW.format(shards=shards, count=COUNT), timeout=3600)
    seconds = time.perf_counter() - begun
    assert done.code == 0, done.err
    spent = {name: value - before[name] for name, value in controller(admin).items()}
    nodes = [node for node in team.workflow(run)["status"]["nodes"].values() if node["type"] == "Pod" and node["templateName"] == "copy"]
    done_shards = sum(node["phase"] == "Succeeded" for node in nodes)
    rows = team.stored(run, "page")["rows_in"]
    print(f"{shards} shards: {done_shards} done, {rows} of {COUNT} rows, {len(team.pods(run, 'copy'))} pods, {seconds:.0f} s")
    print(f"controller: {spent[LOOKS]:.0f} looks of {spent[LOOKED] / spent[LOOKS] * 1000:.0f} ms, {spent[CORE]:.1f} s of a core")
    return shards - done_shards + COUNT - rows


def main() -> int:
    """Both; 1 where something is missing or the median submit takes longer than the bar."""
    shards = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    environment = life.environment()
    admin = Kubectl(str(life.BIN / "kubectl"), environment["KUBECONFIG"])
    image = json.loads(IMAGES.read_text())["images"]["data"]["reference"]
    with tempfile.TemporaryDirectory() as folder, made_team(admin, environment, image, Path(folder)) as team:
        seconds = submits(team)
        median = statistics.median(seconds)
        print(f"submit --no-follow: median {median:.2f} s, worst {max(seconds):.2f} s of {SUBMITS}; bar {BAR_SUBMIT_S} s")
        missing = fan_out(team, admin, shards)
    return int(missing > 0 or median >= BAR_SUBMIT_S)


if __name__ == "__main__":
    sys.exit(main())
