"""The API server: JSON in, JSON out, as the kubeconfig (or a pod's service account) allows; its refusals as our errors."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nemoflow.errors import ClusterError, ClusterRefused

Object = dict[str, Any]

FORBIDDEN, MISSING = 403, 404
CONNECT_S, READ_S = 2.0, 8.0
MANAGER = "nemoflow"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
JOBSET = "/apis/jobset.x-k8s.io/v1alpha2"
ARGO, KUEUE, KUEUE_SEEN = "/apis/argoproj.io/v1alpha1", "/apis/kueue.x-k8s.io/v1beta2", "/apis/visibility.kueue.x-k8s.io/v1beta2"
CORE = "/api/v1"
CLUSTER_WIDE = ("clusterqueues", "cohorts", "resourceflavors", "workloadpriorityclasses")
GROUPS = {
    **dict.fromkeys(("workflows", "workflowtemplates", "cronworkflows"), ARGO),
    **dict.fromkeys((*CLUSTER_WIDE, "localqueues", "workloads"), KUEUE),
    "jobsets": JOBSET,
    "deployments": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1",
}
"""Where kinds are that are not in the core."""
VERBS = {"GET": "read", "POST": "create", "PATCH": "change", "DELETE": "delete"}
SHOWN_CHARS = 400
EXECUTORS = re.compile(r"^time=\S+ level=\w+ .*\bargo=true\b|^Error: exit status \d+$")


@dataclass(frozen=True)
class Api:
    """An API server and one of its namespaces."""

    namespace: str
    _client: Any = field(repr=False)
    """An ApiClient of the `kubernetes` package."""

    @property
    def host(self) -> str:
        """The server's address."""
        return str(self._client.configuration.host)

    def get(self, kind: str, name: str = "", **query: str) -> Object:
        """An object of the namespace by kind (`pods`, `workflows`) and name, or the list of them."""
        return self._json("GET", self._path(kind, name), query)

    def items(self, kind: str, labels: Mapping[str, str]) -> list[Object]:
        """Objects that have such labels."""
        found: list[Object] = self.get(kind, labelSelector=",".join(f"{key}={value}" for key, value in labels.items()))["items"]
        return found

    def apply(self, kind: str, body: Object, *, dry: bool = False) -> Object:
        """Server-side apply: what is there becomes this."""
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict", **({"dryRun": "All"} if dry else {})}
        return self._json("PATCH", self._path(kind, body["metadata"]["name"]), query, body, "application/apply-patch+yaml")

    def create(self, kind: str, body: Object, *, dry: bool = False) -> Object:
        """A new object."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", **({"dryRun": "All"} if dry else {})}
        return self._json("POST", self._path(kind), query, body)

    def patch(self, kind: str, name: str, body: Object) -> Object:
        """Change some fields."""
        return self._json("PATCH", self._path(kind, name), {"fieldManager": MANAGER}, body, "application/merge-patch+json")

    def delete_all(self, kind: str, labels: Mapping[str, str]) -> None:
        """Objects of the namespace that have such labels, and then what they own."""
        for found in self.items(kind, labels):
            try:
                self._json("DELETE", self._path(kind, found["metadata"]["name"]), {"propagationPolicy": "Background"})
            except ClusterRefused as error:
                if error.status != MISSING:
                    raise

    def everywhere(self, kind: str) -> list[Object]:
        """Objects of a kind in all namespaces."""
        found: list[Object] = self._json("GET", f"{GROUPS.get(kind, '/api/v1')}/{kind}", {})["items"]
        return found

    def places(self, queue: str) -> dict[str, int]:
        """Place, from 1, in its ClusterQueue of each workload that waits in a LocalQueue of this namespace."""
        found = self._json("GET", f"{KUEUE_SEEN}/namespaces/{self.namespace}/localqueues/{queue}/pendingworkloads", {})
        return {each["metadata"]["name"]: each["positionInClusterQueue"] + 1 for each in found.get("items") or ()}

    def serves(self, kind: str) -> bool:
        """Whether the server knows objects of a kind, such as Argo's or Kueue's."""
        try:
            found = self._json("GET", GROUPS[kind], {})
        except ClusterRefused:
            return False
        return any(entry["name"] == kind for entry in found["resources"])

    def log(self, pod: str, *, follow: bool) -> Iterator[str]:
        """Lines that a step wrote; what Argo's executor adds to them is left out."""
        return (line for line in self._log(pod, follow=follow) if not EXECUTORS.search(line))

    def _log(self, pod: str, *, follow: bool, container: str = "main") -> Iterator[str]:
        query = {"container": container, **({"follow": "true"} if follow else {})}
        with self._explained(f"read the log of {pod}"):
            response = self._send("GET", f"{self._path('pods', pod)}/log", query, None, "", read_s=None)
            _raise_for(response.status, response.read() if response.status >= 400 else b"", f"read the log of pod {pod}")
            rest = b""
            for block in response.response.stream(2**14):
                *lines, rest = (rest + block).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in lines)
            if rest:
                yield rest.decode("utf-8", "replace")

    def _path(self, kind: str, name: str = "") -> str:
        group = GROUPS.get(kind, CORE)
        where = group if kind in CLUSTER_WIDE else f"{group}/namespaces/{self.namespace}"
        return f"{where}/{kind}" + (f"/{name}" if name else "")

    def _json(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None = None, content: str = "application/json"
    ) -> Object:
        wish = f"{VERBS[method]} {path.removeprefix('/apis/').removeprefix('/api/')}"
        with self._explained(wish):
            response = self._send(method, path, query, body, content)
            raw = response.read()
        _raise_for(response.status, raw, wish)
        found: Object = json.loads(raw)
        return found

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None, content: str, read_s: float | None = READ_S
    ) -> Any:
        headers = {"Accept": "application/json", **({"Content-Type": content} if body is not None else {})}
        request = self._client.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        return self._client.call_api(*request, _request_timeout=(CONNECT_S, read_s))

    @contextmanager
    def _explained(self, wish: str) -> Iterator[None]:
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (HTTPError, OSError) as error:
            raise ClusterError(f"cannot {wish}: the API server {self.host} is away ({_innermost(error)}); check KUBECONFIG") from None


def connect(namespace: str = "", kubeconfig: str = "") -> Api:
    """The API server that a kubeconfig names, or else the pod that this runs in; `namespace` empty: the one that either names.

    `kubeconfig` empty: the file of KUBECONFIG, or the usual one.
    """
    try:
        import urllib3
        from kubernetes import client, config
    except ImportError:
        raise ClusterRefused("the packages for a cluster are not installed: pip install 'nemoflow[argo]'") from None
    settings = client.Configuration()
    try:
        own = _load(config, settings, kubeconfig or os.environ.get("KUBECONFIG", ""))
    except (config.ConfigException, OSError) as error:
        raise ClusterRefused(f"no cluster to speak to: {_innermost(error)}; set KUBECONFIG to a file that names one") from None
    settings.retries = urllib3.Retry(total=2, connect=2, read=0, backoff_factor=0.2)
    return Api(namespace or own, client.ApiClient(settings))


def _load(config: Any, settings: Any, kubeconfig: str) -> str:
    """Fill in the settings and return the namespace that goes with them."""
    if "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").is_file() and not kubeconfig:
        config.load_incluster_config(client_configuration=settings)
        return (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    file = kubeconfig or None  # the package looks at KUBECONFIG once, when it is imported
    config.load_kube_config(file, client_configuration=settings)
    return str(config.list_kube_config_contexts(file)[1]["context"].get("namespace", "default"))


def _raise_for(status: int, raw: bytes, wish: str) -> None:
    if status < 400:
        return
    try:
        said = json.loads(raw)["message"]
    except (ValueError, KeyError, TypeError):
        said = raw.decode("utf-8", "replace")
    said = " ".join(str(said).split())[:SHOWN_CHARS]
    kind = ClusterError if status in (408, 409, 429) or status >= 500 else ClusterRefused
    error = kind(f"cannot {wish}: {status}: {said}")
    error.status = status
    raise error


def _innermost(error: BaseException) -> str:
    """Of a chain of causes, the one that says something."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return _innermost(inner)
    return " ".join(str(error).split())[:SHOWN_CHARS].rpartition(">: ")[2] or type(error).__name__
