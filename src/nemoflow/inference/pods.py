"""Why a Deployment's pods do not answer yet, in words: quota, nodes, images, loading, crashing."""

from collections import Counter
from collections.abc import Callable, Sequence, Set

from nemoflow.inference.api_server import Object, one_line

STARTING = ("PodInitializing", "ContainerCreating")
GATED = "SchedulingGated"


def why_none_ready(deployment: Object, pods: Sequence[Object], workloads: Callable[[], Sequence[Object]]) -> str:
    """How many are ready and what the others wait for; empty where all are. `workloads` are asked for only where Kueue holds pods back."""
    wanted = deployment["spec"].get("replicas", 0)
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    waiting = [(pod, why) for pod in alive if (why := why_pending(pod))]
    missing = wanted - len(alive)
    if not waiting and missing <= 0:
        return ""
    held = {pod["metadata"]["uid"] for pod, why in waiting if why == GATED}
    quota = _quota(held, workloads()) if held else ""
    reasons = Counter(quota if why == GATED else why for _, why in waiting)
    if missing > 0:
        reasons[_why_no_pod(deployment)] += missing
    told = [f"{count} {why}" if wanted > 1 else why for why, count in sorted(reasons.items())]
    return "; ".join([f"{len(alive) - len(waiting)} of {wanted} ready", *told] if wanted > 1 else told)


def why_pending(pod: Object) -> str:
    """What a pod waits for; empty where all its containers are ready, `SchedulingGated` where somebody holds it back."""
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            if condition.get("reason") == GATED:
                return GATED
            return f"unschedulable: {one_line(condition.get('message') or condition.get('reason'))}"
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    if not containers:
        return f"failed: {one_line(status.get('message') or status.get('reason'))}" if status.get("phase") == "Failed" else "starting"
    return next((why for container in containers if (why := _why_waiting(container))), "")


def _why_waiting(status: Object) -> str:
    state = status.get("state") or {}
    waiting, ended = state.get("waiting"), (status.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") in STARTING:
        return "pulling its image, or attaching its volumes"
    if waiting:
        before = f", it ended with {ended['exitCode']} ({ended.get('reason', '')})" if ended else ""
        return f"{waiting.get('reason')}{before}: {one_line(waiting.get('message') or '')}"
    if status.get("ready") or state.get("terminated"):
        return ""
    return f"loading, restarted {status['restartCount']} times" if status.get("restartCount") else "loading"


def _why_no_pod(deployment: Object) -> str:
    for condition in (deployment.get("status") or {}).get("conditions") or ():
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"without a pod: {one_line(condition.get('message'))}"
    return "waiting for its pod to be made"


def _quota(held: Set[str], workloads: Sequence[Object]) -> str:
    """What Kueue says of pods that it holds back. They are all alike, so it says it of the first one only."""
    for workload in workloads:
        if held & {owner["uid"] for owner in workload["metadata"].get("ownerReferences") or ()}:
            for condition in (workload.get("status") or {}).get("conditions") or ():
                if condition["type"] == "QuotaReserved" and condition["status"] == "False" and condition.get("message"):
                    return f"pending for quota: {one_line(condition['message'])}"
    return "pending for quota"
