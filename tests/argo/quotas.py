"""Kueue's objects as tests make them."""

from typing import Any

from nemoflow.argo.quota import Cell, Limits, Team

GPU = "nvidia.com/gpu"
CELL: Cell = ("h100", GPU)


def team(
    name: str, nominal: float, borrowing: float | None = None, lending: float | None = None, used: float = 0, cohort: str = "all"
) -> Team:
    """A team with one flavor of GPUs."""
    return Team(name, cohort, ({"h100": {GPU: Limits(nominal, borrowing, lending)}},), {CELL: used})


def cluster_queue(nominal: int, used: int = 0, cohort: str = "all", **limits: int) -> dict[str, Any]:
    """Spec and status of a ClusterQueue of h100, which also covers cores and memory."""
    gpus = {"coveredResources": [GPU], "flavors": [{"name": "h100", "resources": [{"name": GPU, "nominalQuota": nominal, **limits}]}]}
    plenty = [{"name": "cpu", "nominalQuota": "1M"}, {"name": "memory", "nominalQuota": "64Gi"}]
    rest = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": "any", "resources": plenty}]}
    taken = [{"name": "h100", "resources": [{"name": GPU, "total": str(used), "borrowed": "0"}]}]
    return {"spec": {"cohortName": cohort, "resourceGroups": [gpus, rest]}, "status": {"flavorsReservation": taken}}


def workload(
    gpus: int,
    run: str = "one",
    step: str = "train",
    since: str = "",
    ended: str = "",
    team: str = "vision",
    says: str = "",
    priority: int = 0,
) -> dict[str, Any]:
    """Spec and status of a Workload: waiting, or granted `since`, or over."""
    container = {
        "name": "main",
        "args": ["step", "/etc/nemoflow/workflow/demo.toml", step, "--run", run],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi", GPU: str(gpus)}, "limits": {GPU: str(gpus)}},
    }
    conditions = [{"type": "QuotaReserved", "status": "True" if since else "False", "message": says, "lastTransitionTime": since or ended}]
    conditions += [{"type": "Finished", "status": "True", "message": "done", "lastTransitionTime": ended}] if ended else []
    usage = {"flavors": {GPU: "h100", "cpu": "any"}, "resourceUsage": {GPU: str(gpus), "cpu": "1"}}
    admission = {"clusterQueue": team, "podSetAssignments": [usage]}
    return {
        "spec": {"queueName": "gpu", "priority": priority, "podSets": [{"template": {"spec": {"containers": [container]}}}]},
        "status": {"conditions": conditions, **({"admission": admission} if since else {})},
    }
