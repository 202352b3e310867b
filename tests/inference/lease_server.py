"""A small API server with what a sleeping teacher needs: resource versions, server-side apply, preconditions, its own clock."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.argo.api_server import kubeconfig

NAMESPACE = "team"
APPS, CORE = f"/apis/apps/v1/namespaces/{NAMESPACE}", f"/api/v1/namespaces/{NAMESPACE}"
DEPLOYMENT = f"{APPS}/deployments/teacher"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
WORKFLOWS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows"
WORKLOADS = f"/apis/kueue.x-k8s.io/v1beta2/namespaces/{NAMESPACE}/workloads"


class LeaseServer(ThreadingHTTPServer):
    """Objects by path. `refused` maps (method, path's end) to a status; `ahead_s` is by how much its clock differs from ours."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, dict[str, Any]] = {}
        self.refused: dict[tuple[str, str], int] = {}
        self.ahead_s = 0.0
        self.version = 0
        self.lock = threading.Lock()

    def put(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        """Keep an object as it is, with a new resource version."""
        self.version += 1
        name = path.rpartition("/")[2]
        known = {"name": name, "uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        metadata = {**known, **value.get("metadata", {}), "resourceVersion": str(self.version)}
        self.objects[path] = {**value, "metadata": metadata}
        return self.objects[path]

    @property
    def replicas(self) -> int:
        return int(self.objects[DEPLOYMENT]["spec"]["replicas"])

    def leases(self) -> dict[str, dict[str, Any]]:
        return {path.rpartition("/")[2]: value for path, value in self.objects.items() if path.startswith(LEASES)}

    def workflow(self, name: str, *, completed: bool = False, **metadata: Any) -> None:
        labels = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": "Failed"} if completed else {}
        self.put(f"{WORKFLOWS}/{name}", {"metadata": {"labels": labels, **metadata}})


class _Handler(BaseHTTPRequestHandler):
    server: LeaseServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(time.time() + self.server.ahead_s, usegmt=True)

    def _answer(self, status: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _work(self) -> None:
        parts = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        with self.server.lock:
            for (method, end), status in self.server.refused.items():
                if method == self.command and parts.path.endswith(end):
                    return self._answer(status, {"message": f"cannot {method.lower()} {end}"})
            return self._answer(*getattr(self, f"_{self.command.lower()}")(parts.path, body, parse_qs(parts.query)))

    def do_GET(self) -> None:
        self._work()

    def do_PUT(self) -> None:
        self._work()

    def do_PATCH(self) -> None:
        self._work()

    def do_DELETE(self) -> None:
        self._work()

    def _get(self, path: str, body: Any, query: dict[str, list[str]]) -> tuple[int, Any]:
        objects = self.server.objects
        if path.endswith("/scale") and path.removesuffix("/scale") in objects:
            found = objects[path.removesuffix("/scale")]
            return 200, {"metadata": found["metadata"], "spec": {key: n for key, n in found["spec"].items() if key == "replicas" and n}}
        if path in objects:
            return 200, objects[path]
        if path.count("/") in (5, 6) and path.rpartition("/")[2] in ("pods", "leases", "workloads"):
            wanted = dict(pair.split("=") for pair in query.get("labelSelector", [""])[0].split(",") if pair)
            found = [value for key, value in objects.items() if key.rpartition("/")[0] == path]
            if "workloads" in path and not found:
                return 404, {"message": "the server could not find the requested resource"}
            return 200, {"items": [each for each in found if wanted.items() <= (each["metadata"].get("labels") or {}).items()]}
        return 404, {"message": f"{path} not found"}

    def _put(self, path: str, body: Any, query: dict[str, list[str]]) -> tuple[int, Any]:
        found = self.server.objects[path.removesuffix("/scale")]
        if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        return 200, self.server.put(path.removesuffix("/scale"), {**found, "spec": {**found["spec"], **body["spec"]}})

    def _patch(self, path: str, body: Any, query: dict[str, list[str]]) -> tuple[int, Any]:
        assert query["fieldManager"] == ["nemoflow-teacher"]
        assert self.headers["Content-Type"] == "application/apply-patch+yaml"
        before = self.server.objects.get(path, {"metadata": {}})
        return 200, self.server.put(path, {**body, "metadata": {**before["metadata"], **body["metadata"]}})

    def _delete(self, path: str, body: Any, query: dict[str, list[str]]) -> tuple[int, Any]:
        found = self.server.objects.get(path)
        if found is None:
            return 404, {"message": f"{path} not found"}
        if (body or {}).get("preconditions", {}).get("resourceVersion", found["metadata"]["resourceVersion"]) != found["metadata"][
            "resourceVersion"
        ]:
            return 409, {"message": "the precondition does not hold"}
        return 200, self.server.objects.pop(path)


@contextmanager
def serving_leases(folder: Path, replicas: int = 0) -> Iterator[tuple[LeaseServer, Path]]:
    """A server with the Deployment `teacher` of so many replicas, and a kubeconfig that names it."""
    server = LeaseServer()
    template = {"metadata": {"labels": {"app": "teacher"}}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "teacher"}}, "template": template}
    server.put(DEPLOYMENT, {"spec": spec, "status": {}})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server, kubeconfig(folder, server.server_address[1], NAMESPACE)
    finally:
        server.shutdown()
        server.server_close()
