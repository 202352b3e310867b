"""gang: a node whose processes need several pods, as a JobSet; they begin together, and when one is lost all begin anew.

Argo has no template of several pods that must all be there. So the node is a `resource` template: a small pod of Argo's applies a JobSet
and waits for its end. Each pod of the JobSet runs the node's one command line and is told its place and where the first one is; the first
does the node's work and writes its result, the others join it.

A resource template writes no files into the pods that it makes, so the workflow file is an annotation of theirs, mounted. Its manifest is
text, into which Argo would put parameters as they are, quotes and line ends included: they go in as expressions that give JSON.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from nemoflow.argo.cluster import Cluster, Pool
from nemoflow.argo.members import ATTEMPT_AT, GANG_LABEL, INDEX_AT, LASTING, OWNER_LABEL, UID_CHARS
from nemoflow.argo.pod import (
    BACKOFF,
    FILE,
    FOLDER,
    LOCKED,
    PASSING,
    POD,
    RUN,
    command,
    environment,
    environment_from,
    node_selector,
    queue_labels,
    resources,
    runtime,
    shared_memory,
    tolerations,
    volumes,
)
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import Node
from nemoflow.flow.tries import ATTEMPTS
from nemoflow.gang import AT_ENV, GANG_ENV

if TYPE_CHECKING:
    from hera.workflows import Resource

Object = dict[str, Any]

API_VERSION = "jobset.x-k8s.io/v1alpha2"
JOB = "node"
"""Name of the one replicated Job."""
PORT = 29500
INDEX, ATTEMPT = "NEMOFLOW_GANG_INDEX", "NEMOFLOW_ATTEMPT"
"""Variables of which a pod's place (`nemoflow.gang`) and its command line are made."""
FILE_AT = "nemoflow/workflow-file"
TOPOLOGY_AT = "kueue.x-k8s.io/podset-preferred-topology"
DONE, FAILED = "Completed", "Failed"
FLAGS = ["--server-side", "--force-conflicts", "--field-manager=nemoflow"]
"""Applied a second time, by the successor of a waiting pod that was lost, the JobSet stays as it is."""
DISRUPTED = "DisruptionTarget"
"""Kubernetes' condition of a pod that is sent away: drained, preempted, evicted, its node lost. It is not the pod's fault.

A Job that fails by it says so in its message, the only thing of it that JobSet looks at beside the reason.
"""
RULES = [
    {
        "name": "sent_away",
        "action": "RestartJobSetAndIgnoreMaxRestarts",
        "onJobFailureReasons": ["PodFailurePolicy"],
        "onJobFailureMessagePatterns": [f"condition {DISRUPTED} "],
    },
    {"name": "lasting", "action": "FailJobSet", "onJobFailureReasons": ["PodFailurePolicy", "DeadlineExceeded"]},
]
"""What else ends a pod, such as want of memory, has all of them begin anew as often as a pool's `retries`."""
WAITS_AGAIN = f"({PASSING}) || lastRetry.message contains 'context canceled'"
"""When the pod that waits gets a successor: when it was lost or sent away. What became of the JobSet is final."""
NAME_CHARS = 27
"""Of a node: the longest name of a pod is NAME-(18 characters)-node-0-INDEX-(5), and 63 characters are a host's name."""
NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
FILE_BYTES = 200_000
"""Kubernetes takes 262,144 bytes of annotations."""
TEXT = re.compile(r'"([^"\\]*\{\{[^"\\]*)"')
PLACE = re.compile(r"\{\{=?(.*?)\}\}")


def check(node: Node, cluster: Cluster, name: str, file: str) -> None:
    """ConfigError where a node of several pods has what a JobSet cannot hold."""
    pods = cluster.pods(node, name)
    if pods == 1:
        return
    where = f"node {node.name}: its {node.step.processes(node.config)} processes are {pods} pods, and"
    if node.step.join is None:
        raise ConfigError(f"{where} one pod does the work of step {node.step.name!r}; on a pool whose pods hold all processes it can run")
    if node.shards > 1:
        raise ConfigError(f"{where} it has {node.shards} shards; 1 is right")
    if len(node.name) > NAME_CHARS or not NAME.fullmatch(node.name):
        raise ConfigError(f"{where} so its name may have {NAME_CHARS} characters and begins with a letter")
    if len(file.encode()) > FILE_BYTES:
        raise ConfigError(f"{where} the workflow file has {len(file.encode())} bytes; up to {FILE_BYTES} are right")


def gang(node: Node, cluster: Cluster, name: str) -> "Resource":
    """The template of a node of several pods."""
    from hera.workflows import Resource, RetryStrategy
    from hera.workflows import models as m

    pool_name = cluster.pool_name(node, name)
    backoff = m.Backoff.model_validate(BACKOFF)
    return Resource(
        name=node.name,
        action="apply",
        flags=FLAGS,
        manifest=to_text(jobset(node, cluster, name)),
        set_owner_reference=True,
        success_condition=f"status.terminalState == {DONE}",
        failure_condition=f"status.terminalState == {FAILED}",
        labels={"nemoflow/step": node.name, "nemoflow/pool": pool_name},
        service_account_name=cluster.service_accounts.gang,
        retry_strategy=RetryStrategy(limit=str(ATTEMPTS), retry_policy="Always", expression=WAITS_AGAIN, backoff=backoff),
        pod_spec_patch=_waiting_pod(),
    )


def _waiting_pod() -> str:
    """Patch of the pod that applies the JobSet and waits.

    It has no container `wait`, which the Workflow's own patch would make one of; and Argo's `init` writes the manifest to /tmp, too.
    """
    asked = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
    main = {"name": "main", "securityContext": LOCKED, "resources": asked}
    init = {"name": "init", "volumeMounts": [{"name": "tmp-dir-argo", "mountPath": "/tmp", "subPath": "init"}]}  # noqa: S108
    return json.dumps({"containers": [{"name": "wait", "$patch": "delete"}, main], "initContainers": [init]}, sort_keys=True)


def jobset(node: Node, cluster: Cluster, name: str) -> Object:
    """The JobSet of a node; its texts may hold Argo's parameters."""
    pool = cluster.pools[cluster.pool_name(node, name)]
    labels = _labels(node, cluster, name)
    pods = cluster.pods(node, name)
    return {
        "apiVersion": API_VERSION,
        "kind": "JobSet",
        "metadata": {"name": jobset_name(node), "labels": {**labels, **queue_labels(pool)}},
        "spec": {
            "network": {"enableDNSHostnames": True},
            "failurePolicy": {
                "maxRestarts": pool.retries,
                "restartStrategy": "BlockingRecreate",
                "rules": RULES,
            },
            "replicatedJobs": [{"name": JOB, "replicas": 1, "template": {"spec": _job(node, cluster, name, pool, pods, labels)}}],
        },
    }


def jobset_name(node: Node) -> str:
    """Of a Workflow's own: a second attempt of the pod that waits finds the JobSet of the first."""
    return f"{node.name}-{{{{=workflow.uid[0:{UID_CHARS}]}}}}"


def _labels(node: Node, cluster: Cluster, name: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/part-of": "nemoflow",
        "app.kubernetes.io/component": "step",
        "nemoflow/team": cluster.team,
        "nemoflow/run": RUN,
        "nemoflow/step": node.name,
        "nemoflow/pool": cluster.pool_name(node, name),
        OWNER_LABEL: "{{workflow.name}}",
        GANG_LABEL: node.name,
    }


def _job(node: Node, cluster: Cluster, name: str, pool: Pool, pods: int, labels: dict[str, str]) -> Object:
    ends = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": LASTING}}
    sent_away = {"action": "FailJob", "onPodConditions": [{"type": DISRUPTED, "status": "True"}]}
    annotations = {FILE_AT: FILE, **({TOPOLOGY_AT: pool.topology} if pool.topology else {})}
    return {
        "completionMode": "Indexed",
        "completions": pods,
        "parallelism": pods,
        "backoffLimit": 0,
        "activeDeadlineSeconds": pool.deadline_s,
        "podFailurePolicy": {"rules": [ends, sent_away]},
        "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": _pod(node, cluster, name, pool, pods)},
    }


def _pod(node: Node, cluster: Cluster, name: str, pool: Pool, pods: int) -> Object:
    processes = node.step.processes(node.config) // pods
    files = {"name": "workflow", "downwardAPI": {"items": [{"path": f"{name}.toml", **_field("annotations", FILE_AT)}]}}
    known, mounts = volumes(cluster, pool)
    shared, shared_mounts = shared_memory(processes, processes, pods)
    program, *args = command(node, name, pool.retries, ["--attempt", f"$({ATTEMPT})"])
    main = {
        "name": "main",
        "image": cluster.image(node),
        "imagePullPolicy": "IfNotPresent",
        "command": [program],
        "args": args,
        "env": [*({"name": key, "value": value} for key, value in environment(node, cluster).items()), *_place(node, pods)],
        "envFrom": environment_from(node, cluster),
        "resources": resources(cluster, pool, processes),
        "securityContext": LOCKED,
        "volumeMounts": [*mounts, *shared_mounts, {"name": "workflow", "mountPath": str(FOLDER), "readOnly": True}],
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": cluster.account(node),
        "automountServiceAccountToken": cluster.sees_token(node),
        "securityContext": POD,
        "terminationGracePeriodSeconds": pool.grace_s,
        "containers": [main],
        "volumes": [*known, *shared, files],
        **runtime(cluster, pool),
        **_where(cluster, pool),
    }


def _where(cluster: Cluster, pool: Pool) -> Object:
    """Which nodes. Not by `nodeSelector`: Kueue writes a flavor's labels there, and it would not be ours to apply again."""
    wanted = [{"key": key, "operator": "In", "values": [value]} for key, value in node_selector(cluster, pool).items()]
    terms = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": wanted}]}}
    stood = tolerations(cluster, pool)
    return {**({"affinity": {"nodeAffinity": terms}} if wanted else {}), **({"tolerations": stood} if stood else {})}


def _field(kind: str, key: str) -> Object:
    return {"fieldRef": {"fieldPath": f"metadata.{kind}['{key}']"}}


def _place(node: Node, pods: int) -> list[Object]:
    """Variables by which a pod knows its place among the others, and which start this is."""
    host = f"{jobset_name(node)}-{JOB}-0-0.{jobset_name(node)}"
    return [
        {"name": INDEX, "valueFrom": _field("annotations", INDEX_AT)},
        {"name": ATTEMPT, "valueFrom": _field("labels", ATTEMPT_AT)},
        {"name": GANG_ENV, "value": f"$({INDEX})/{pods}"},
        {"name": AT_ENV, "value": f"{host}:{PORT}"},
    ]


def to_text(manifest: Object) -> str:
    """A manifest as Argo takes it: JSON, but for the texts with parameters, which are expressions that give JSON."""
    return TEXT.sub(lambda found: f"{{{{=toJson({_expression(found[1])})}}}}", json.dumps(manifest, indent=1)) + "\n"


def _expression(text: str) -> str:
    """`a-{{b}}` as `'a-' + b`."""
    parts = PLACE.split(text)
    return " + ".join(part if index % 2 else f"'{part}'" for index, part in enumerate(parts) if part)


def from_text(text: str) -> Object:
    """The manifest of a template, with nothing where Argo puts parameters."""
    found: Object = json.loads(re.sub(r"\{\{=.*?\}\}", '""', text))
    return found
