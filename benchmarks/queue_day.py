"""A day of a shared cluster: teams submit runs, Kueue shares the GPUs out; waiting time and share by team, and what the controllers stand.

    PYTHONPATH=. .venv/bin/python -m benchmarks.queue_day --nodes 1000 --teams 50 --runs 200 --minutes 10

Real: API server, scheduler, Argo, Kueue, and the Workflows, which are those of `nemoflow submit`. Played by kwok: the nodes, of 8 GPUs
each, and the pods on them, which do nothing for as long as their step would take. Time is compressed: 24 hours in --minutes. With --gpus
the teams' quotas add up to that many instead of to all: the rest of the nodes is somebody else's, and teams wait for each other.
"""

import argparse
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.control_plane import ControlPlane, control_plane, namespace

from nemoflow.argo.api import Api, connect
from nemoflow.argo.cluster import Cluster, make_cluster
from nemoflow.argo.lower import lower
from nemoflow.argo.submit import Request
from nemoflow.artifacts import Adapter, Report, Traces
from nemoflow.config import Config
from nemoflow.flow.pipeline import From, Pipeline
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.flow.toml import to_toml
from nemoflow.flow.workflow import Workflow, make_workflow

Json = dict[str, Any]
GPUS, DAY_H = 8, 24.0
HOURS = {"harvest": 2.0, "train": 6.0, "evaluate": 1.0}
"""Of one pod. The times of day by which a run's pods are admitted follow from them."""
SHARDS = (2, 4, 8)
"""Sizes of a run's harvest, in pods of 8 GPUs."""
QUEUE = "kueue.x-k8s.io/queue-name"
PATIENCE = 1.6
"""The day may take this much longer before what has not ended is given up."""


class NoConfig(Config):
    """Nothing to say."""


def _never(config: NoConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    raise NotImplementedError("a pod that kwok plays runs nothing")


HARVEST = Step("harvest", 1, NoConfig, _never, outputs={"traces": Traces}, pool="gpus", sharded=True)
TRAIN = Step("train", 1, NoConfig, _never, inputs={"traces": Traces}, outputs={"adapter": Adapter}, pool="gpus")
EVALUATE = Step("evaluate", 1, NoConfig, _never, inputs={"adapter": Adapter}, outputs={"report": Report}, pool="gpu")


def pipeline_of(workflow: Workflow) -> Pipeline:
    """The three steps that hold GPUs."""
    nodes = (
        workflow.node("harvest", HARVEST),
        workflow.node("train", TRAIN, {"traces": From("harvest", "traces")}),
        workflow.node("evaluate", EVALUATE, {"adapter": From("train", "adapter")}),
    )
    return Pipeline("day", nodes)


@dataclass(frozen=True)
class Arrival:
    """A run that a team submits."""

    at: float
    """Hour of the day."""
    team: int
    shards: int

    @property
    def gpu_hours(self) -> float:
        """What it takes."""
        return GPUS * (self.shards * HOURS["harvest"] + HOURS["train"]) + HOURS["evaluate"]


def arrivals(runs: int, teams: int, seed: int) -> list[Arrival]:
    """Most in working hours, and few teams with many: the n-th team submits 1/n as often as the first."""
    draw = random.Random(seed)
    weights = [1 / (team + 1) for team in range(teams)]
    hours = [min(DAY_H, max(0.0, draw.gauss(13, 4))) for _ in range(runs)]
    return sorted((Arrival(hour, draw.choices(range(teams), weights)[0], draw.choice(SHARDS)) for hour in hours), key=lambda one: one.at)


def stages(scale_s: float) -> list[Json]:
    """What kwok does to pods: start, end after their step's time (a fifth more or less), go when they are deleted."""
    return [_stage("start", {"phase": "Pending"}, RUNNING), *(_end(step, hours * scale_s) for step, hours in HOURS.items()), DELETE]


RUNNING = """
phase: Running
startTime: {{ Now | Quote }}
conditions:
- {type: Ready, status: "True", lastTransitionTime: {{ Now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, restartCount: 0, state: {running: {startedAt: {{ Now | Quote }}}}}
{{ end }}
"""
ENDED = """
phase: Succeeded
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  restartCount: 0
  state: {terminated: {exitCode: 0, finishedAt: {{ Now | Quote }}}}
{{ end }}
"""
DELETE = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Stage",
    "metadata": {"name": "delete"},
    "spec": {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": [{"key": ".metadata.deletionTimestamp", "operator": "Exists"}]},
        "next": {"delete": True},
    },
}


def _stage(name: str, match: dict[str, str], template: str, labels: dict[str, str] | None = None, delay: Json | None = None) -> Json:
    rules = [{"key": f".status.{key}", "operator": "In", "values": [value]} for key, value in match.items()]
    rules.append({"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"})
    selector = {"matchExpressions": rules, **({"matchLabels": labels} if labels else {})}
    spec = {"resourceRef": {"apiGroup": "v1", "kind": "Pod"}, "selector": selector, "next": {"statusTemplate": template}}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {**spec, **({"delay": delay} if delay else {})},
    }


def _end(step: str, seconds: float) -> Json:
    delay = {"durationMilliseconds": int(800 * seconds), "jitterDurationMilliseconds": int(1200 * seconds)}
    return _stage(f"end-{step}", {"phase": "Running"}, ENDED, {"nemoflow/step": step}, delay)


def nodes(count: int) -> list[Json]:
    """Nodes of 8 GPUs."""
    room = {"cpu": "128", "memory": "1Ti", "pods": "64", "nvidia.com/gpu": str(GPUS)}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"gpu-{n:04d}", "labels": {"type": "kwok", "gpus": "yes"}},
            "status": {"allocatable": room, "capacity": room},
        }
        for n in range(count)
    ]


def queues(teams: int, gpus: int) -> list[Json]:
    """An equal share a team in one cohort; what is idle is lent, and taken back when its owner comes."""
    version = "kueue.x-k8s.io/v1beta2"
    made: list[Json] = [
        {"apiVersion": version, "kind": "ResourceFlavor", "metadata": {"name": "gpu"}, "spec": {"nodeLabels": {"gpus": "yes"}}}
    ]
    shares = [gpus // teams + (team < gpus % teams) for team in range(teams)]
    for team, share in enumerate(shares):
        quotas = [
            {"name": name, "nominalQuota": amount} for name, amount in (("nvidia.com/gpu", share), ("cpu", "100k"), ("memory", "1Pi"))
        ]
        group = {"coveredResources": [quota["name"] for quota in quotas], "flavors": [{"name": "gpu", "resources": quotas}]}
        spec = {"cohortName": "all", "namespaceSelector": {}, "resourceGroups": [group], "preemption": {"reclaimWithinCohort": "Any"}}
        made.append({"apiVersion": version, "kind": "ClusterQueue", "metadata": {"name": _team(team)}, "spec": spec})
        local = {"name": "main", "namespace": _team(team)}
        made.append({"apiVersion": version, "kind": "LocalQueue", "metadata": local, "spec": {"clusterQueue": _team(team)}})
    return made


def _team(team: int) -> str:
    return f"team-{team:02d}"


def _account(team: int) -> Json:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nemoflow-step", "namespace": _team(team)}}


def _cluster(team: int) -> Cluster:
    pool = {"cpu": "4", "memory": "16Gi", "gpu_class": "any", "retries": 50}
    values = {
        "namespace": _team(team),
        "registry": "registry.local",
        "tag": "0.1.0",
        "root": "s3://results/day",
        "team": _team(team),
        "gpu_classes": {"any": {}},
        "pools": {"gpus": {**pool, "gpus": GPUS}, "gpu": {**pool, "gpus": 1}},
    }
    return make_cluster(values, "day")


def request(arrival: Arrival, number: int) -> Request:
    """What `nemoflow submit` sends, with the team's queue on the pods that hold GPUs."""
    workflow = make_workflow({"pipeline": "day", "shards": {"harvest": arrival.shards}}, "day.toml", Path())
    made = lower(pipeline_of(workflow), _cluster(arrival.team), f"day-{arrival.shards}", to_toml(workflow.values), "day").to_dict()
    for template in made["spec"]["templates"]:
        if "container" in template:
            template["metadata"]["labels"][QUEUE] = "main"
    return Request(made, f"run-{number:04d}", "s3://results/day")


@dataclass
class Day:
    """What happened."""

    submitted: int = 0
    slow_submits: int = 0
    """Runs that were sent more than a simulated quarter of an hour late."""


def live(plane: ControlPlane, plan: list[Arrival], scale_s: float) -> Day:
    """Submit each run when its hour comes, then wait for the last to end."""
    day, begun = Day(), time.monotonic()
    apis = {team: _api(plane, team) for team in {arrival.team for arrival in plan}}
    with ThreadPoolExecutor(4) as pool:
        for number, arrival in enumerate(plan):
            late = time.monotonic() - begun - arrival.at * scale_s
            day.slow_submits += late > scale_s / 4
            time.sleep(max(0.0, -late))
            wanted = request(arrival, number)
            pool.submit(apis[arrival.team].create, "workflows", wanted.workflow).add_done_callback(_raise)
            day.submitted += 1
            if number % 20 == 0:
                _tell(plane, begun, scale_s, f"{number} of {len(plan)} runs submitted")
    while (left := _at_work(plane)) and time.monotonic() - begun < PATIENCE * DAY_H * scale_s:
        _tell(plane, begun, scale_s, f"{left} runs at work")
        time.sleep(10)
    return day


def _raise(future: Any) -> None:
    if future.exception():
        sys.stderr.write(f"submit: {future.exception()}\n")


def _api(plane: ControlPlane, team: int) -> Api:
    return connect(_team(team), str(plane.kubeconfig))


def _at_work(plane: ControlPlane) -> int:
    found = plane.kubectl("get", "workflows", "-A", "-o", "jsonpath={.items[*].status.phase}").split()
    total = len(plane.kubectl("get", "workflows", "-A", "-o", "name").split())
    return total - sum(phase in ("Succeeded", "Failed", "Error") for phase in found)


def _tell(plane: ControlPlane, begun: float, scale_s: float, what: str) -> None:
    hour = (time.monotonic() - begun) / scale_s
    sys.stderr.write(f"hour {hour:4.1f}: {what}\n")


def report(plane: ControlPlane, plan: list[Arrival], scale_s: float, gpus: int) -> Json:
    """Waits and shares by team, in simulated hours, and what was used."""
    pods = json.loads(plane.kubectl("get", "pods", "-A", "-o", "json"))["items"]
    waits: dict[str, list[float]] = {}
    hours: Counter[str] = Counter()
    begins, ends, created = [], [], []
    for pod in pods:
        team, about = pod["metadata"]["namespace"], _times(pod)
        created.append(about["created"])
        if about["placed"]:
            waits.setdefault(team, []).append((about["placed"] - about["created"]) / scale_s)
        if about["placed"] and about["ended"]:
            hours[team] += _gpus(pod) * (about["ended"] - about["placed"]) / scale_s
            begins.append(about["placed"])
            ends.append(about["ended"])
    phases = Counter(plane.kubectl("get", "workflows", "-A", "-o", "jsonpath={.items[*].status.phase}").split())
    all_waits = sorted(itertools.chain.from_iterable(waits.values()))
    span_h = (max(ends) - min(begins)) / scale_s if ends else 0.0
    return {
        "runs": dict(phases),
        "messages": dict(Counter(_messages(plane)).most_common(5)),
        "pods": len(pods),
        "gpu_hours_wanted": round(sum(arrival.gpu_hours for arrival in plan)),
        "gpu_hours_held": round(hours.total()),
        "used_share": round(hours.total() / (gpus * span_h), 3) if span_h else 0.0,
        "span_h": round(span_h, 1),
        "wait_h": _spread(all_waits),
        "busiest_minute_pods": max(Counter(int(at // 60) for at in created).values(), default=0),
        "teams": {
            team: {"pods": len(found), "median_wait_h": round(statistics.median(found), 2), "gpu_hours": round(hours[team])}
            for team, found in sorted(waits.items(), key=lambda entry: -hours[entry[0]])
        },
        "core_seconds": {name: round(seconds, 1) for name, seconds in plane.core_seconds().items()},
        "memory_mib": {name: round(size) for name, size in plane.memory_mib().items()},
    }


def _messages(plane: ControlPlane) -> list[str]:
    """What Argo says of runs that broke."""
    found = json.loads(plane.kubectl("get", "workflows", "-A", "-o", "json"))["items"]
    broken = [one["status"] for one in found if one.get("status", {}).get("phase") in ("Failed", "Error")]
    told = [[node.get("message") for node in (status.get("nodes") or {}).values()] for status in broken]
    return [next(filter(None, messages), status.get("message", "")) for status, messages in zip(broken, told, strict=True)]


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {
        name: round(values[min(len(values) - 1, int(share * len(values)))], 2)
        for name, share in (("median", 0.5), ("9 in 10", 0.9), ("worst", 1))
    }


def _gpus(pod: Json) -> int:
    return sum(int(found["resources"].get("limits", {}).get("nvidia.com/gpu", 0)) for found in pod["spec"]["containers"])


def _times(pod: Json) -> dict[str, float]:
    status = pod["status"]
    placed = [
        found["lastTransitionTime"]
        for found in status.get("conditions", ())
        if found["type"] == "PodScheduled" and found["status"] == "True"
    ]
    placed = placed or ([status["startTime"]] if status.get("startTime") else [])
    ended = [
        found["state"]["terminated"]["finishedAt"]
        for found in status.get("containerStatuses", ())
        if "terminated" in found.get("state", {})
    ]
    return {
        "created": _seconds(pod["metadata"]["creationTimestamp"]),
        "placed": _seconds(placed[0]) if placed else 0.0,
        "ended": max(map(_seconds, ended), default=0.0),
    }


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def main() -> int:
    """Simulate, print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("nodes", 1000), ("teams", 50), ("runs", 200), ("seed", 0), ("argo-qps", 20), ("kueue-qps", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--gpus", type=int, default=0, help="that the teams share; 0 takes those of all nodes")
    args = parser.parse_args()
    scale_s, gpus = args.minutes * 60 / DAY_H, args.gpus or args.nodes * GPUS
    plan = arrivals(args.runs, args.teams, args.seed)
    with (
        tempfile.TemporaryDirectory(prefix="queue-day-", ignore_cleanup_errors=True) as folder,
        control_plane(Path(folder), stages(scale_s), args.argo_qps, args.kueue_qps) as plane,
    ):
        begun = time.monotonic()
        plane.apply([namespace(_team(team)) for team in range(args.teams)])
        plane.apply([_account(team) for team in range(args.teams)])
        plane.apply(nodes(args.nodes))
        plane.apply(queues(args.teams, gpus))
        sys.stderr.write(f"{args.nodes} nodes and {args.teams} queues after {time.monotonic() - begun:.0f} s\n")
        day = live(plane, plan, scale_s)
        found = report(plane, plan, scale_s, gpus)
    sys.stdout.write(json.dumps({"options": vars(args), "late_submits": day.slow_submits, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
