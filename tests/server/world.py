"""A namespace with a run at work, a run that failed, a teacher and pods; and a bucket's folder with a finished run."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.argo.api_server import ApiServer
from tests.flow.toy import line, place

from nemoflow.flow.local import run_local

TEAM = {"nemoflow/team": "vision", "nemoflow/pipeline": "demo"}
OURS = {"app.kubernetes.io/part-of": "nemoflow"}


def stamp(ago_s: float = 0.0, now: float | None = None) -> str:
    return datetime.fromtimestamp((now or time.time()) - ago_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def put_workflow(server: ApiServer, run: str, phase: str, root: str, nodes: list[dict[str, Any]], ended_ago: float = -1) -> None:
    metadata = {"labels": {**TEAM, **OURS, "nemoflow/run": run}, "creationTimestamp": stamp(600)}
    status = {"phase": phase, "startedAt": stamp(600), "nodes": {node["id"]: node for node in nodes}}
    status |= {"finishedAt": stamp(ended_ago)} if ended_ago >= 0 else {}
    templates = [{"name": "dag", "dag": {"tasks": [{"name": "train", "template": "train"}]}}, {"name": "train"}]
    spec = {"entrypoint": "dag", "templates": templates, "arguments": {"parameters": [{"name": "root", "value": root}]}}
    server.put("workflows", f"{run}-x", metadata=metadata, spec=spec, status=status)


def node(name: str, phase: str, began_ago: float, ended_ago: float = -1, code: str = "") -> dict[str, Any]:
    times = {"startedAt": stamp(began_ago)} | ({"finishedAt": stamp(ended_ago)} if ended_ago >= 0 else {})
    return {"id": name, "name": name, "type": "Pod", "templateName": "train", "phase": phase, "outputs": {"exitCode": code}, **times}


def put_pod(
    server: ApiServer, name: str, component: str, gpus: int, created_ago: float, placed_ago: float = -1, ended_ago: float = -1
) -> None:
    labels = {**OURS, "nemoflow/team": "vision", "nemoflow/pool": "train", "app.kubernetes.io/component": component}
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    placed = {"status": "True", "lastTransitionTime": stamp(placed_ago)} if placed_ago >= 0 else {"status": "False"}
    status: dict[str, Any] = {"phase": "Running" if placed_ago >= 0 else "Pending", "conditions": [{"type": "PodScheduled", **placed}]}
    if ended_ago >= 0:
        ended = {"state": {"terminated": {"finishedAt": stamp(ended_ago)}}}
        status |= {"phase": "Succeeded", "containerStatuses": [ended]}
    spec = {"containers": [{"name": "main", "resources": {"limits": limits}}, {"name": "wait"}]}
    server.put("pods", name, metadata={"labels": labels, "creationTimestamp": stamp(created_ago)}, spec=spec, status=status)


def put_teacher(server: ApiServer, wanted: int) -> None:
    labels = {**OURS, "app.kubernetes.io/component": "teacher"}
    server.put("deployments", "nemoflow-teacher", metadata={"labels": labels}, spec={"replicas": wanted}, status={"readyReplicas": wanted})


def put_lease(server: ApiServer, name: str, owner: str = "", renewed_ago: float = 0.0) -> None:
    metadata: dict[str, Any] = {"labels": {"nemoflow/teacher": "nemoflow-teacher"}}
    metadata |= {"ownerReferences": [{"kind": "Workflow", "name": owner, "uid": f"uid-{owner}"}]} if owner else {}
    spec = {"renewTime": stamp(renewed_ago).replace("Z", ".000000Z"), "leaseDurationSeconds": 60}
    server.put("leases", name, metadata=metadata, spec=spec)


def fill(server: ApiServer, folder: Path) -> str:
    """All of it; the root."""
    root = str(folder / "root")
    run_local(line(), here := place(folder / "root", "one"))
    copied = here.manifest("copy")
    assert copied is not None
    told = copied.model_copy(update={"dropped": {"short": 2}, "metrics": {"prompt_tokens": 10, "completion_tokens": 300}})
    here.store.write_bytes("runs/one/copy/manifest.json", told.to_json())
    run_local(line(), place(folder / "root", "two"))
    put_workflow(server, "one", "Running", root, [node("a", "Failed", 500, 400, "75"), node("b", "Running", 300)])
    put_workflow(server, "two", "Failed", root, [node("c", "Failed", 500, 400)], ended_ago=390)
    put_pod(server, "p-at-work", "step", 2, 500, 300)
    put_pod(server, "p-waits", "step", 4, 200)
    put_pod(server, "p-over", "step", 1, 900, 800, 100)
    put_pod(server, "p-teacher", "teacher", 8, 60, 50)
    put_teacher(server, 1)
    return root
