"""Cluster: where a pipeline runs; `workflows/cluster.toml` as a frozen value.

What a pipeline does is in its workflow file. Images, pools, accounts, deadlines and what is different on this cluster are here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from nemoflow.config import Config, build, read_toml
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import Node, Pipeline
from nemoflow.flow.workflow import Workflow, make_workflow

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
"""Of a Kubernetes object."""
LabelValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
ObjectName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)?$")]
"""The same, or empty."""
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]
Seconds = Annotated[int, Field(gt=0, le=30 * 86400)]
Resource = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")]

UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18} | {
    f"{unit}i": 2.0 ** (10 * power) for power, unit in enumerate("KMGTPE", 1)
}


def size(quantity: str) -> float:
    """What a quantity such as `16Gi` or `500m` amounts to."""
    number = quantity.rstrip("numkKMGTPEi")
    return float(number) * UNITS[quantity[len(number) :]]


class Toleration(Config):
    """A taint that pods may stand on."""

    key: str = ""
    """Empty with operator Exists: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """How to compare."""
    value: str = ""
    """For Equal."""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """Empty: all effects."""


class GpuClass(Config):
    """A kind of GPU node."""

    resource: Resource = "nvidia.com/gpu"
    """What a pod asks for."""
    node_selector: dict[str, LabelValue] = Field({})
    """Labels of such nodes."""
    tolerations: tuple[Toleration, ...] = ()
    """Their taints."""
    runtime_class: ObjectName = ""
    """RuntimeClass of pods that use it, such as nvidia where that is not how the nodes start containers anyway (k3s, RKE2)."""
    price_per_hour: Price = 0.0
    """What one of them costs an hour, in whatever money; for `nemoflow plan`."""


class Pool(Config):
    """Nodes for a kind of step, and what one pod of it may take."""

    cpu: Quantity = "1"
    """Cores asked for; there is no limit, idle cores are used."""
    memory: Quantity = "2Gi"
    """Asked for and not to be exceeded."""
    memory_after_oom: Quantity = ""
    """The same for an attempt after one that ran out of memory; default: twice `memory`."""
    disk: Quantity = "8Gi"
    """For /tmp, where artifacts are on their way."""
    gpus: int = Field(0, ge=0, le=64)
    """GPUs a pod."""
    gpu_class: str = ""
    """Which kind, one of [gpu_classes]; needed where `gpus` is more than 0."""
    processes_per_pod: int = Field(0, ge=0, le=64)
    """Where there are no GPUs: processes of a node that share a pod; 0: all of them. With GPUs a pod has one process a GPU."""
    topology: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9./_-]{1,316})?$")] = ""
    """Label of nodes, a level of Kueue's Topology such as a rack: pods that do one node's work together should be where it is the same."""
    node_selector: dict[str, LabelValue] = Field({})
    """Labels of its nodes."""
    tolerations: tuple[Toleration, ...] = ()
    """Their taints."""
    queue: ObjectName = ""
    """LocalQueue of Kueue that its pods wait in for quota; empty: they are not queued."""
    priority: ObjectName = ""
    """WorkloadPriorityClass of Kueue: who goes first in a queue, and who may be sent away for whom."""
    price_per_hour: Price = 0.0
    """What a pod costs an hour beside its GPUs."""
    deadline_s: Seconds = 6 * 3600
    """Seconds that one attempt may take."""
    grace_s: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds between the wish to stop and the end: for a checkpoint and its upload."""
    retries: Annotated[int, Field(ge=0, le=50)] = 8
    """Further attempts after passing failures of its own, such as a teacher that is busy. Being sent away for others, and lost nodes, are
    not counted; want of memory is tried once more, with more."""

    @property
    def more_memory(self) -> str:
        """Memory of an attempt after one that ran out of it."""
        return self.memory_after_oom or f"{round(2 * size(self.memory) / 2**20)}Mi"

    @model_validator(mode="after")
    def _check(self) -> "Pool":
        if size(self.more_memory) < size(self.memory):
            raise ValueError(f"memory_after_oom = {self.memory_after_oom!r} is less than memory = {self.memory!r}")
        if bool(self.gpus) != bool(self.gpu_class):
            raise ValueError(f"gpus = {self.gpus} and gpu_class = {self.gpu_class!r}: both or none")
        if self.priority and not self.queue:
            raise ValueError(f"priority = {self.priority!r} without a queue: it says who goes first in one; name `queue` too")
        if self.topology and not self.queue:
            raise ValueError(f"topology = {self.topology!r} without a queue: Kueue heeds it; name `queue` too")
        if self.processes_per_pod and self.gpus:
            raise ValueError(f"processes_per_pod = {self.processes_per_pod} beside gpus = {self.gpus}: a pod has one a GPU; leave it out")
        return self

    def pods(self, processes: int) -> int:
        """On how many pods that many processes run; ValueError where they do not go in evenly."""
        most = self.gpus or self.processes_per_pod or processes
        if processes > most and processes % most:
            what = f"gpus = {self.gpus}" if self.gpus else f"processes_per_pod = {self.processes_per_pod}"
            right = f"{processes - processes % most} or {processes + most - processes % most}"
            raise ValueError(f"{processes} processes do not fill pods of {what}; {right} would")
        return max(1, processes // most)


class ServiceAccounts(Config):
    """Who the pods are."""

    step: Name = "nemoflow-step"
    """Every pod, but for those named under `steps`. Its token reaches Argo's own containers only, not the step."""
    steps: dict[str, Name] = Field({})
    """Steps that act on the cluster, such as `wake-teacher`: the step sees this account's token."""
    gang: Name = "nemoflow-gang"
    """Argo's container that makes a JobSet for a node of several pods and waits for it. Those pods are of `step`, and see no token."""


class S3(Config):
    """How pods come by the bucket."""

    secret: Name = "nemoflow-s3"  # noqa: S105
    """Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and optionally AWS_SESSION_TOKEN."""
    config: Name = "nemoflow-s3"
    """ConfigMap with AWS_ENDPOINT_URL, AWS_REGION and the like."""
    ca: Name = "nemoflow-ca"
    """ConfigMap with the certificates of a private authority; it may be absent."""


class Keep(Config):
    """How long what is over stays to be looked at."""

    done_s: Seconds = 3 * 86400
    """Seconds that a Workflow stays after success."""
    failed_s: Seconds = 7 * 86400
    """Seconds that a Workflow stays after a failure."""
    pods_s: Annotated[int, Field(ge=0, le=86400)] = 600
    """Seconds that pods, and with them their logs, stay after a success; those of a failed run stay as long as it does."""


class Variant(Config):
    """What is different for one workflow file, by the file's name without .toml."""

    pools: dict[str, str] = Field({})
    """Which pool stands in for which: `{train = "cpu"}` where the student is a toy."""
    set: dict[str, Any] = Field({})
    """Overrides for this workflow only, laid over those of [set]."""


class Cluster(Config):
    """A cluster as its file describes it."""

    namespace: Name = "nemoflow"
    """Where Workflows and their pods live."""
    registry: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$")]
    """Images are `{registry}/nemoflow/{image}:{tag}`."""
    tag: Tag
    """Tag of all images: the version of nemoflow, `0.1.0` or `0.1.0-COMMIT`."""
    root: Annotated[str, StringConstraints(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s{}]*)?$")]
    """Where results lie unless the workflow or a run names another bucket."""
    team: LabelValue = "default"
    """Label of all that is made here."""
    parallelism: Annotated[int, Field(ge=1, le=1000)] = 32
    """Pods of one run at the same time."""
    deadline_s: Seconds = 7 * 86400
    """Seconds that a whole run may take; the cleanup is not counted."""
    service_accounts: ServiceAccounts = ServiceAccounts()
    """Who the pods are."""
    s3: S3 = S3()
    """How pods come by the bucket."""
    step_secrets: dict[str, Name] = Field({})
    """Secrets by the name of a node, such as `submit`: that pod alone sees their keys, as variables."""
    keep: Keep = Keep()
    """How long what is over stays."""
    gpu_classes: dict[str, GpuClass] = Field({})
    """Kinds of GPU node."""
    pools: dict[str, Pool]
    """Nodes by the name that steps use: cpu, teacher, train, eval."""
    set: dict[str, Any] = Field({})
    """Overrides (node.field) laid over every workflow that has the node, such as how the teacher is woken here."""
    workflows: dict[str, Variant] = Field({})
    """What is different for single workflow files."""

    @model_validator(mode="after")
    def _check(self) -> "Cluster":
        for name, pool in self.pools.items():
            if pool.gpu_class and pool.gpu_class not in self.gpu_classes:
                raise ValueError(f"pools.{name}.gpu_class = {pool.gpu_class!r}: known are {', '.join(self.gpu_classes) or 'none'}")
        for name, variant in self.workflows.items():
            for wanted in variant.pools.values():
                if wanted not in self.pools:
                    raise ValueError(f"workflows.{name}.pools names {wanted!r}: known are {', '.join(self.pools)}")
        return self

    def secrets(self, node: Node) -> tuple[str, ...]:
        """Secrets that a node's pod sees: the bucket's, and its own."""
        own = self.step_secrets.get(node.name)
        return (self.s3.secret, own) if own else (self.s3.secret,)

    def image(self, node: Node) -> str:
        """The image that a node's config or else its step wants."""
        return f"{self.registry}/nemoflow/{node.config.needs_image or node.step.image}:{self.tag}"

    def pool_name(self, node: Node, workflow: str) -> str:
        """Which of `pools` a node of a workflow runs on; ConfigError where the file has none of that name."""
        variant = self.workflows.get(workflow, Variant())
        wanted = variant.pools.get(node.step.pool, node.step.pool)
        if wanted not in self.pools:
            raise ConfigError(
                f"node {node.name}: step {node.step.name!r} runs on pool {wanted!r}; the cluster file has {', '.join(self.pools)}"
            )
        return wanted

    def pods(self, node: Node, workflow: str) -> int:
        """How many pods do a node's work together; ConfigError where its processes do not go into its pool's pods."""
        name = self.pool_name(node, workflow)
        try:
            return self.pools[name].pods(node.step.processes(node.config))
        except ValueError as error:
            raise ConfigError(f"node {node.name} on pools.{name}: {error}") from None

    def account(self, node: Node) -> str:
        """Service account of a node's pods."""
        return self.service_accounts.steps.get(node.step.name, self.service_accounts.step)

    def sees_token(self, node: Node) -> bool:
        """Whether the step itself, and not only Argo's containers, gets the account's token."""
        return node.step.name in self.service_accounts.steps


def load_cluster(path: Path) -> Cluster:
    """Read a cluster file; ConfigError names file, key, value and what would be right."""
    return make_cluster(read_toml(path), str(path))


def make_cluster(values: Mapping[str, Any], where: str) -> Cluster:
    """The same from values."""
    return build(Cluster, values, where, join=": ")


def on_cluster(workflow: Workflow, pipeline: Pipeline, cluster: Cluster, name: str) -> Workflow:
    """The workflow with what is different on this cluster laid in, and the versions that its steps have here."""
    sets = {**cluster.set, **cluster.workflows.get(name, Variant()).set}
    mine = {key: value for key, value in sets.items() if key.partition(".")[0] in pipeline.by_name}
    versions = {node.name: node.step.version for node in pipeline.by_name.values()}
    values = {**workflow.values, "versions": versions}
    return make_workflow(values, workflow.where, workflow.base, _json(mine))


def _json(values: Mapping[str, Any]) -> str:
    import orjson

    return orjson.dumps(dict(values)).decode()


NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")


def template_name(path: Path) -> str:
    """Name of a workflow file's template: `demo` of workflows/demo.toml, with underscores as dashes."""
    name = path.stem.replace("_", "-")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{path}: its name becomes that of a Kubernetes object: up to 42 small letters, digits and dashes are right")
    return name
