"""A teacher that sleeps as a Deployment of Kubernetes with no replicas: its scale, its leases, and why it is not ready.

Every method is one call of the API server, so that whoever is killed between two of them leaves what `leases.settle` can mend.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nemoflow.errors import ConfigError, ProviderError
from nemoflow.inference.api_server import CONFLICT, METADATA, MISSING, Answer, ApiServer, Object, connect_api
from nemoflow.inference.leases import Lease, Scale, WorkflowName
from nemoflow.inference.pods import why_none_ready
from nemoflow.records import Record

TEACHER_LABEL = "nemoflow/teacher"
"""On a lease: the Deployment that it is of."""
REPLICAS = "nemoflow/replicas"
"""Annotation of a lease: how many its holder wants."""
ARGO = "argoproj.io/v1alpha1"
COMPLETED, PHASE = "workflows.argoproj.io/completed", "workflows.argoproj.io/phase"
KUEUE = ("kueue.x-k8s.io/v1beta2", "kueue.x-k8s.io/v1beta1")
APPLY = "application/apply-patch+yaml"
MANAGER = "nemoflow-teacher"


class SleepingDeployment(Record):
    """Which Deployment stands behind an endpoint, and by which lease this run holds it."""

    name: str
    namespace: str
    lease: str = ""
    replicas: int = 1


@dataclass(frozen=True)
class Deployment:
    """A Deployment and the right to scale it; a `leases.LeasedTeacher`."""

    name: str
    namespace: str
    _api: ApiServer = field(repr=False)

    def scale(self) -> Scale:
        """How many replicas are wanted now."""
        found = self._call("GET", self._scale_path, wish="get its scale", expected=(MISSING,))
        if found.status == MISSING:
            raise ConfigError(
                f"Deployment {self.namespace}/{self.name}: there is none; correct `deployment`, or install the chart with its teacher"
            )
        return Scale(found.body["spec"].get("replicas", 0), found.body["metadata"].get("resourceVersion", ""))

    def set_scale(self, replicas: int, version: str) -> bool:
        """Want so many; False where the Deployment changed since `version`."""
        metadata = {"name": self.name, "namespace": self.namespace, "resourceVersion": version}
        body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": replicas}}
        wish = f"scale it to {replicas}"
        return self._call("PUT", self._scale_path, body, wish=wish, expected=(CONFLICT,)).status != CONFLICT

    def leases(self) -> tuple[Sequence[Lease], float]:
        """All leases on it, and the server's time."""
        query = {"labelSelector": f"{TEACHER_LABEL}={self.name}"}
        found = self._call("GET", self._leases_path, query=query, wish="list its leases")
        return [_lease(value) for value in found.body["items"]], found.date

    def hold(self, lease: Lease) -> None:
        """Take a lease, or renew it."""
        body = _to_json(lease, self.name)
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        self._call("PATCH", f"{self._leases_path}/{lease.name}", body, query=query, content=APPLY, wish="take a lease on it")

    def drop(self, name: str, version: str = "") -> bool:
        """Give a lease back; False where there is none, or it changed since `version`."""
        body: Object = {"preconditions": {"resourceVersion": version}} if version else {}
        answer = self._call("DELETE", f"{self._leases_path}/{name}", body, wish="give its lease back", expected=(MISSING, CONFLICT))
        return answer.status < 400

    def why_over(self, workflow: WorkflowName) -> str:
        """Empty while a Workflow runs."""
        path = f"/apis/{ARGO}/namespaces/{self.namespace}/workflows/{workflow.name}"
        found = self._call("GET", path, wish=f"look at workflow {workflow.name}", accept=METADATA, expected=(MISSING,))
        if found.status == MISSING:
            return f"workflow {workflow.name} is gone"
        metadata = found.body["metadata"]
        labels = metadata.get("labels") or {}
        if metadata["uid"] != workflow.uid:
            return f"workflow {workflow.name} is gone, and another has its name"
        if metadata.get("deletionTimestamp"):
            return f"workflow {workflow.name} is being deleted"
        return f"workflow {workflow.name} is over ({labels.get(PHASE, 'completed')})" if labels.get(COMPLETED) == "true" else ""

    def why_not_ready(self) -> str:
        """In words, what its pods wait for; empty where all of them answer."""
        found = self._call("GET", self._path, wish="get it").body
        selector = ",".join(f"{key}={value}" for key, value in (found["spec"]["selector"].get("matchLabels") or {}).items())
        pods = self._call("GET", self._core("pods"), query={"labelSelector": selector}, wish="list its pods").body["items"]
        return why_none_ready(found, pods, self._workloads)

    def _workloads(self) -> list[Object]:
        """Kueue's view of the pods; empty where there is no Kueue."""
        for version in KUEUE:
            path = f"/apis/{version}/namespaces/{self.namespace}/workloads"
            found = self._call("GET", path, wish="list Kueue's workloads", expected=(403, MISSING))
            if found.status < 400:
                return list(found.body["items"])
        return []

    def _call(self, method: str, path: str, body: Object | None = None, *, wish: str, **more: object) -> Answer:
        return self._api.call(method, path, body, wish=f"Deployment {self.namespace}/{self.name}: {wish}", **more)  # type: ignore[arg-type]

    @property
    def _path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}"

    @property
    def _scale_path(self) -> str:
        return f"{self._path}/scale"

    @property
    def _leases_path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def _core(self, kind: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{kind}"


def connect(name: str, namespace: str = "") -> Deployment:
    """The Deployment of a name; ConfigError where this process has no cluster to speak to.

    `namespace` empty: the pod's own, or the one of the kubeconfig's context.
    """
    api = connect_api(namespace)
    return Deployment(name, api.namespace, api)


def _lease(value: Object) -> Lease:
    metadata, spec = value["metadata"], value.get("spec") or {}
    owner = next((owner for owner in metadata.get("ownerReferences") or () if owner["kind"] == "Workflow"), None)
    wish = (metadata.get("annotations") or {}).get(REPLICAS, "")
    if not (wish.isascii() and wish.isdigit()):
        raise ProviderError(f"Lease {metadata['name']}: annotation {REPLICAS} is {wish!r}; a whole number is right: delete the lease")
    return Lease(
        name=metadata["name"],
        holder=spec.get("holderIdentity") or "",
        replicas=int(wish),
        workflow=WorkflowName(name=owner["name"], uid=owner["uid"]) if owner else None,
        duration_s=float(spec.get("leaseDurationSeconds") or 0),
        since=_seconds(metadata.get("creationTimestamp")),
        renewed=_seconds(spec.get("renewTime")),
        version=metadata.get("resourceVersion", ""),
    )


def _to_json(lease: Lease, teacher: str) -> Object:
    metadata: Object = {
        "name": lease.name,
        "labels": {TEACHER_LABEL: teacher, "app.kubernetes.io/part-of": "nemoflow"},
        "annotations": {REPLICAS: str(lease.replicas)},
    }
    spec: Object = {"holderIdentity": lease.holder}
    if lease.workflow is not None:  # Kubernetes removes the lease with its Workflow
        metadata["ownerReferences"] = [{"apiVersion": ARGO, "kind": "Workflow", **lease.workflow.model_dump()}]
    else:
        spec |= {"leaseDurationSeconds": round(lease.duration_s), "renewTime": _stamp(lease.renewed)}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _seconds(stamp: str | None) -> float:
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
