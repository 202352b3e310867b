"""A small API server: keeps objects by path, answers as Kubernetes does; for what needs no real cluster."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nemoflow.argo.api import ARGO, CLUSTER_WIDE, CORE, GROUPS, KUEUE, KUEUE_SEEN

QUEUES = {"resources": [{"name": kind} for kind, group in GROUPS.items() if group == KUEUE]}
SERVED = {"resources": [{"name": "workflows"}, {"name": "workflowtemplates"}]}


class ApiServer(ThreadingHTTPServer):
    """Objects by path; `refused` maps (method, path's end) to a status and a message; `seen` lists the changes asked for,
    `looked_at` the paths."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, dict[str, Any]] = {ARGO: SERVED}
        self.logs: dict[str, str] = {}
        self.refused: dict[tuple[str, str], tuple[int, str]] = {}
        self.seen: list[tuple[str, str, dict[str, list[str]], dict[str, Any]]] = []
        self.looked_at: list[str] = []

    def put(self, kind: str, name: str, namespace: str = "nemoflow", **fields: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        metadata |= fields.pop("metadata", {})
        group = GROUPS.get(kind, CORE)
        where = group if kind in CLUSTER_WIDE else f"{group}/namespaces/{namespace}"
        self.objects[f"{where}/{kind}/{name}"] = made = {"metadata": metadata, **fields}
        return made

    def serve_queues(self) -> None:
        """Have Kueue installed."""
        self.objects[KUEUE] = QUEUES

    def tell_places(self, queue: str, *workloads: str, namespace: str = "nemoflow") -> None:
        """Have Kueue's visibility server tell who waits in a queue, the first first."""
        items = [{"metadata": {"name": name}, "positionInClusterQueue": place} for place, name in enumerate(workloads)]
        self.objects[f"{KUEUE_SEEN}/namespaces/{namespace}/localqueues/{queue}/pendingworkloads"] = {"items": items}

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of changes that were not dry runs."""
        return [body for _, path, query, body in self.seen if f"/{kind}" in path and "dryRun" not in query]


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self, status: int, body: Any) -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _refused(self, path: str) -> bool:
        for (method, end), (status, message) in self.server.refused.items():
            if method == self.command and path.endswith(end):
                self._answer(status, {"kind": "Status", "message": message, "code": status})
                return True
        return False

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.server.looked_at.append(parts.path)
        if self._refused(parts.path):
            return
        if parts.path.endswith("/log"):
            self._answer(200, self.server.logs.get(parts.path.split("/")[-2], ""))
        elif parts.path in self.server.objects:
            self._answer(200, self.server.objects[parts.path])
        elif parts.path.startswith(KUEUE) and parts.path.count("/") == 4:
            self._answer(200, {"items": self._everywhere(parts.path)})
        elif parts.path.split("/")[-2] in ("namespaces", "scale") or parts.path.split("/")[-3] == "namespaces":
            self._answer(200, {"items": self._listed(parts.path, query.get("labelSelector", [""])[0])})
        else:
            self._answer(404, {"message": f"{parts.path.split('/')[-2]} {parts.path.split('/')[-1]!r} not found"})

    def _listed(self, path: str, selector: str) -> list[dict[str, Any]]:
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        found = [made for key, made in self.server.objects.items() if key.rpartition("/")[0] == path]
        return [made for made in found if wanted.items() <= (made["metadata"].get("labels") or {}).items()]

    def _everywhere(self, path: str) -> list[dict[str, Any]]:
        """Objects of a kind, cluster-wide or of all namespaces."""
        group, _, kind = path.rpartition("/")
        return [made for key, made in self.server.objects.items() if key.startswith(f"{group}/") and key.split("/")[-2] == kind]

    def _change(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self._refused(parts.path):
            return
        body = json.loads(raw)
        self.server.seen.append((self.command, parts.path, parse_qs(parts.query), body))
        if self.command == "POST":
            name = body["metadata"].get("name") or f"{body['metadata']['generateName']}abcde"
            if f"{parts.path}/{name}" in self.server.objects and "name" in body["metadata"]:
                self._answer(409, {"kind": "Status", "message": f"{name!r} already exists", "code": 409})
                return
            body["metadata"] |= {
                "name": name,
                "uid": "uid-new",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            }
        key = parts.path if self.command == "PATCH" else f"{parts.path}/{body['metadata']['name']}"
        merged = {**self.server.objects.get(key, {"metadata": {}}), **body}
        if "dryRun" not in parse_qs(parts.query):
            self.server.objects[key] = merged
        self._answer(200, merged)

    def do_DELETE(self) -> None:
        path = urlsplit(self.path).path
        if not self._refused(path):
            found = self.server.objects.pop(path, None)
            self._answer(200 if found else 404, found or {"message": f"{path.rpartition('/')[2]!r} not found"})

    def do_POST(self) -> None:
        self._change()

    def do_PATCH(self) -> None:
        self._change()


@contextmanager
def serving(folder: Path, namespace: str = "nemoflow") -> Iterator[tuple[ApiServer, Path]]:
    """A server with a chart's accounts and settings in it, and a kubeconfig that names it."""
    server = ApiServer()
    for account in ("nemoflow-step", "nemoflow-teacher"):
        server.put("serviceaccounts", account, namespace)
    server.put("secrets", "nemoflow-s3", namespace)
    server.put("configmaps", "nemoflow-s3", namespace)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server, kubeconfig(folder, server.server_address[1], namespace)
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(folder: Path, port: int, namespace: str = "nemoflow") -> Path:
    """A file that names a server on this machine."""
    path = folder / "kubeconfig"
    named = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        "current-context": "x",
    }
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **named}))
    return path
