"""What every pod of a run has: who may do what in it, how it is tried again, what it may take.

PodSecurity `restricted` admits these pods, Argo's own containers (`init`, `wait`) included.
"""

import json
from pathlib import PurePosixPath
from typing import Any

from nemoflow.argo.cluster import Cluster, Pool
from nemoflow.flow.command import argv
from nemoflow.flow.pipeline import Node
from nemoflow.flow.tries import ASKED_TO_STOP, MORE_MEMORY

USER = 65532
"""The user of nemoflow's images, and of every container of a pod."""
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
CA_FOLDER = "/etc/nemoflow-ca"
FOLDER = PurePosixPath("/etc/nemoflow/workflow")
"""Where a pod finds the workflow file."""
RUN, ROOT, SET, FILE = (f"{{{{workflow.parameters.{name}}}}}" for name in ("run", "root", "set", "workflow"))
SHARD = "{{inputs.parameters.shard}}"
CLAIM_WAIT_S = 120
"""A pod that was lost leaves a claim that lives 90 s; its successor waits for it instead of spending an attempt."""

HOLDER_ENV = "NEMOFLOW_HOLDER"
HOLDER = "{{workflow.namespace}}/{{workflow.name}}/{{workflow.uid}}"
"""What steps that act on the cluster, such as waking a teacher, do it for: it may be undone when this Workflow is gone."""

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

LAST_WORDS = "/dev/termination-log"
"""What a step writes there stands in the message of its pod, which Argo copies into `lastRetry.message`."""

PASSING = (
    "lastRetry.exitCode == '143' || "  # sent away before it could say so: a pod that is deleted in its first second
    "lastRetry.exitCode == '75'"  # nemoflow says: try again
    f" || lastRetry.exitCode == '137' && !(lastRetry.message contains '{MORE_MEMORY}')"  # no memory left: again, with more
    f" || lastRetry.exitCode == '137' && lastRetry.message contains '{ASKED_TO_STOP}'"  # sent away, and too slow to go
    " || lastRetry.exitCode == '-1' && !(lastRetry.message contains 'forbidden')"  # the pod is gone; not one that was never admitted
)
LASTING = (
    "lastRetry.message contains 'longer than the specified deadline'"
    " || lastRetry.message contains 'Usage of EmptyDir'"  # a pod that fills its own disk does so again
    " || lastRetry.message contains 'local ephemeral storage'"
    " || lastRetry.message contains 'ephemeral local storage'"
)
RETRY_IF = f"({PASSING}) && !({LASTING})"
"""Which attempt gets a successor. Exit codes 1, 2 and 69 do not, nor does one that took longer than its deadline.

Argo counts attempts, whatever ended them, and has no other memory. So its limit is out of the way, and the step itself counts those of its
passing failures that are its own (`flow.tries`): it ends with 69 when they are too many.
"""
BACKOFF = {"duration": "5s", "factor": "2", "cap": "1m"}
"""Argo waits for it before it looks at the expression. It grows by attempt: a run that is often sent away pays the cap each time."""
QUEUE_LABEL, PRIORITY_LABEL = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"


def command(node: Node, name: str, retries: int, attempt: list[str]) -> list[str]:
    """A pod's whole command line, with the workflow's parameters in their places; `attempt` says which attempt it is."""
    shards = ["--shard", f"{SHARD}/{node.shards}"] if node.shards > 1 else []
    tries = ["--retries", str(retries), *attempt, "--last-words", LAST_WORDS]
    return [*argv(str(FOLDER / f"{name}.toml"), node.name, RUN, ROOT, SET), *shards, "--wait", str(CLAIM_WAIT_S), *tries]


def environment(node: Node, cluster: Cluster) -> dict[str, str]:
    """Variables of a step's container, beside those of `environment_from`."""
    found = {"HOME": "/tmp", "TMPDIR": "/tmp", "NEMOFLOW_IMAGE": cluster.image(node)}  # noqa: S108
    return found | ({HOLDER_ENV: f"{HOLDER}/{node.name}"} if cluster.sees_token(node) else {})


def environment_from(node: Node, cluster: Cluster) -> list[dict[str, Any]]:
    """Where further variables come from: settings and keys of the bucket, and keys that this node alone sees."""
    secrets = [{"secretRef": {"name": secret}} for secret in cluster.secrets(node)]
    return [{"configMapRef": {"name": cluster.s3.config}}, *secrets]


def volumes(cluster: Cluster, pool: Pool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Room for files, and certificates: the volumes, and where they are mounted."""
    made = [
        {"name": "tmp", "emptyDir": {"sizeLimit": pool.disk}},
        {"name": "ca", "configMap": {"name": cluster.s3.ca, "optional": True}},
    ]
    return made, [{"name": "tmp", "mountPath": "/tmp"}, {"name": "ca", "mountPath": CA_FOLDER, "readOnly": True}]  # noqa: S108


def shared_memory(processes: int, gpus: int, pods: int = 1) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a pod's processes hand data through, as volumes and mounts: a container's own 64 MiB are too little for NCCL.

    vLLM starts a process for each GPU that it is told to use, and takes 240 MiB for what they tell each other.
    """
    most = max(processes, gpus)
    if most * pods == 1:
        return [], []
    return [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{most}Gi"}}], [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108


def executor_patch() -> str:
    """Patch of the pod's spec that locks Argo's own containers."""
    return json.dumps(ARGO_CONTAINERS, sort_keys=True)


def attempt_patch(cluster: Cluster, pool: Pool) -> str:
    """Patch of the pod's spec: more memory where the attempt before ran out of it, and what Argo's templates have no field for."""
    memory = f"{{{{=lastRetry.exitCode == '137' ? '{pool.more_memory}' : '{pool.memory}'}}}}"
    main = {"name": "main", "resources": {"limits": {"memory": memory}, "requests": {"memory": memory}}}
    patch = {"terminationGracePeriodSeconds": pool.grace_s, "containers": [main], **runtime(cluster, pool)}
    return json.dumps(patch, sort_keys=True)


def resources(cluster: Cluster, pool: Pool, processes: int = 1) -> dict[str, dict[str, str]]:
    """What a pod's first attempt asks for and may take: of several processes each has one GPU, a single one has all of the pool's."""
    count = processes if pool.gpus and processes > 1 else pool.gpus
    gpus = {cluster.gpu_classes[pool.gpu_class].resource: str(count)} if count else {}
    return {"requests": {"cpu": pool.cpu, "memory": pool.memory, **gpus}, "limits": {"memory": pool.memory, **gpus}}


def queue_labels(pool: Pool) -> dict[str, str]:
    """Labels by which Kueue holds a pod until there is quota for it."""
    labels = {QUEUE_LABEL: pool.queue, PRIORITY_LABEL: pool.priority}
    return {key: value for key, value in labels.items() if value}


def runtime(cluster: Cluster, pool: Pool) -> dict[str, str]:
    """How a pool's pods are started, where it is not as nodes start all others."""
    name = cluster.gpu_classes[pool.gpu_class].runtime_class if pool.gpus else ""
    return {"runtimeClassName": name} if name else {}


def node_selector(cluster: Cluster, pool: Pool) -> dict[str, str]:
    """Labels of the nodes that a pool's pods may go to."""
    return {**(cluster.gpu_classes[pool.gpu_class].node_selector if pool.gpus else {}), **pool.node_selector}


def tolerations(cluster: Cluster, pool: Pool) -> list[dict[str, str]]:
    """Taints that a pool's pods stand."""
    wanted = (*(cluster.gpu_classes[pool.gpu_class].tolerations if pool.gpus else ()), *pool.tolerations)
    return [{key: value for key, value in toleration.model_dump().items() if value} for toleration in wanted]
