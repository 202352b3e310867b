"""Two teams that share four GPUs of the node: `poor` has none of its own and borrows, `rich` has all four and lends them."""

import json
import os
import secrets
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.cluster.kubectl import Json, Kubectl
from tests.cluster.release import HERE
from tests.cluster.workflows import USER, container

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

CHART = HERE / "helm" / "nemoflow-quotas"
GPU = "nvidia.com/gpu"
LABELS = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
GPUS = 4


@dataclass(frozen=True)
class Quotas:
    """The chart of quotas under names that are nobody else's."""

    cluster: "Cluster"
    mark: str
    poor: Kubectl

    @property
    def rich(self) -> Kubectl:
        return Kubectl(self.cluster.kubectl.program, self.cluster.kubectl.kubeconfig, f"rich-{self.mark}")

    @property
    def high(self) -> str:
        return f"high-{self.mark}"

    @property
    def low(self) -> str:
        return f"low-{self.mark}"

    @property
    def flavor(self) -> str:
        return f"h100-{self.mark}"

    def values(self) -> dict[str, Any]:
        def team(name: str, namespace: str, **quota: int) -> dict[str, Any]:
            return {"name": f"{name}-{self.mark}", "namespaces": [namespace], "quota": [{"flavor": self.flavor, **quota}]}

        return {
            "cohort": f"all-{self.mark}",
            "anyNode": f"any-{self.mark}",
            "flavors": [{"name": self.flavor, "nodeLabels": LABELS}],
            "priorities": [{"name": self.high, "value": 100}, {"name": self.low, "value": -100}],
            "teams": [
                team("poor", self.poor.namespace, nominal=0, borrowing=GPUS),
                team("rich", self.rich.namespace, nominal=GPUS),
            ],
        }

    def helm(self, *args: str, stdin: str = "") -> None:
        environment = {**os.environ, **self.cluster.environment}
        done = subprocess.run(
            ["helm", *args, "-n", self.rich.namespace], env=environment, input=stdin, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr

    def install(self) -> None:
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "nemoflow/test": "true"}
        self.cluster.kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.rich.namespace, "labels": labels}})
        self.helm("install", f"quotas-{self.mark}", str(CHART), "--values", "-", stdin=yaml.safe_dump(self.values()))

    def remove(self) -> None:
        for own in (self.poor, self.rich):
            own("delete", "workflows,pods", "--all", "--wait=false")
        self.helm("uninstall", f"quotas-{self.mark}", "--wait", "--timeout", "180s")
        self.cluster.kubectl("delete", "namespace", self.rich.namespace, "--wait=false")

    def take(self, image: str, gpus: int = GPUS) -> None:
        """Have `rich` want GPUs, of its own."""
        main = container(image, ["-c", "import time; time.sleep(600)"], command=["python"])
        resources = {"requests": {"cpu": "10m", "memory": "32Mi", GPU: str(gpus)}, "limits": {GPU: str(gpus)}}
        self.rich.create(bare("boss", main | {"resources": resources}, {"kueue.x-k8s.io/queue-name": "gpu"}))

    def give_back(self) -> None:
        """Have `rich` be done."""
        self.rich("delete", "pod", "boss", "--grace-period=1", "--wait=false")


def bare(name: str, main: Json, labels: dict[str, str] | None = None, volumes: list[Json] | None = None) -> Json:
    """A pod that `restricted` admits."""
    security = {"runAsUser": USER, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "securityContext": security}
    mounted = [{"name": "tmp", "emptyDir": {}}, *(volumes or [])]
    spec |= {"containers": [{"name": "main", **main}], "volumes": mounted, "terminationGracePeriodSeconds": 2}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def make_quotas(cluster: "Cluster", poor: Kubectl) -> Quotas:
    """Install the chart, with a namespace that is there for the team that borrows; skip where nothing could be had by it."""
    if "clusterqueues" not in cluster.kubectl("api-resources", "--api-group=kueue.x-k8s.io", "-o", "name"):
        pytest.skip("QUOTAS ARE NOT TRIED: Kueue is not installed")
    nodes = cluster.kubectl.get("nodes", **LABELS)["items"]
    if sum(int(node["status"]["allocatable"].get(GPU, 0)) for node in nodes) < GPUS:
        pytest.skip(f"QUOTAS ARE NOT TRIED: fewer than {GPUS} {GPU} on nodes with {json.dumps(LABELS)}")
    made = Quotas(cluster, secrets.token_hex(3), poor)
    made.install()
    return made
