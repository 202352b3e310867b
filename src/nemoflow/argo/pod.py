"""What every pod of a run has: who may do what in it, how it is tried again, what it may take.

PodSecurity `restricted` admits these pods, Argo's own containers (`init`, `wait`) included.
"""

import json
from typing import Any

from nemoflow.argo.cluster import Cluster, Pool

USER = 65532
"""The user of nemoflow's images, and of every container of a pod."""
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
CA_FOLDER = "/etc/nemoflow-ca"
CLAIM_WAIT_S = 120
"""A pod that was lost leaves a claim that lives 90 s; its successor waits for it instead of spending an attempt."""

LOCKED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of a container."""

POD: dict[str, Any] = {
    "fsGroup": USER,
    "runAsGroup": USER,
    "runAsNonRoot": True,
    "runAsUser": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of a pod."""

ARGO_CONTAINERS = {
    "initContainers": [{"name": "init", "securityContext": LOCKED}],
    "containers": [{"name": "wait", "securityContext": LOCKED}],
}

PASSING = (
    "lastRetry.exitCode == '143' || "  # sent away before it could say so: a pod that is deleted in its first second
    "lastRetry.exitCode == '75'"  # nemoflow says: try again
    " || lastRetry.exitCode == '137' && asInt(retries) < 3"  # no memory left: again with more, but not for ever
    " || lastRetry.exitCode == '-1' && !(lastRetry.message contains 'forbidden')"  # the pod is gone; not one that was never admitted
)
RETRY_IF = f"({PASSING}) && !(lastRetry.message contains 'deadline')"
"""Which attempt gets a successor. Exit codes 1 and 2 do not, nor does one that took longer than its deadline.

Argo waits for the back-off before it looks at this, so the first pause is short.
"""
BACKOFF = {"duration": "5s", "factor": "3", "cap": "5m"}


def executor_patch() -> str:
    """Patch of the pod's spec that locks Argo's own containers."""
    return json.dumps(ARGO_CONTAINERS, sort_keys=True)


def attempt_patch(pool: Pool) -> str:
    """Patch of the pod's spec by what became of the attempt before: more memory where it ran out of it."""
    memory = f"{{{{=lastRetry.exitCode == '137' ? '{pool.more_memory}' : '{pool.memory}'}}}}"
    main = {"name": "main", "resources": {"limits": {"memory": memory}, "requests": {"memory": memory}}}
    return json.dumps({"terminationGracePeriodSeconds": pool.grace_s, "containers": [main]}, sort_keys=True)


def resources(cluster: Cluster, pool: Pool) -> dict[str, dict[str, str]]:
    """What a first attempt asks for and may take."""
    gpus = {cluster.gpu_classes[pool.gpu_class].resource: str(pool.gpus)} if pool.gpus else {}
    return {"requests": {"cpu": pool.cpu, "memory": pool.memory, **gpus}, "limits": {"memory": pool.memory, **gpus}}


def node_selector(cluster: Cluster, pool: Pool) -> dict[str, str]:
    """Labels of the nodes that a pool's pods may go to."""
    return {**(cluster.gpu_classes[pool.gpu_class].node_selector if pool.gpus else {}), **pool.node_selector}


def tolerations(cluster: Cluster, pool: Pool) -> list[dict[str, str]]:
    """Taints that a pool's pods stand."""
    wanted = (*(cluster.gpu_classes[pool.gpu_class].tolerations if pool.gpus else ()), *pool.tolerations)
    return [{key: value for key, value in toleration.model_dump().items() if value} for toleration in wanted]
