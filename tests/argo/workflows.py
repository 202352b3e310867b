"""Workflows as Argo's controller leaves them: a DAG of `count`, two shards of `copy`, `page`, and the exit handler `close`."""

from typing import Any

LABELS = {"nemoflow/run": "one", "nemoflow/pipeline": "line"}
TASKS = [{"template": "count"}, {"template": "copy", "withSequence": {"count": "2"}}, {"template": "page"}, {"template": "close"}]
SPEC = {
    "entrypoint": "dag",
    "templates": [
        *({"name": task["template"], "metadata": {"labels": {"nemoflow/pool": "cpu"}}} for task in TASKS),
        {"name": "dag", "dag": {"tasks": TASKS}},
    ],
}


def attempts(step: str, *ends: tuple[str, str, str], shard: str = "", kind: str = "Pod") -> dict[str, Any]:
    """The nodes of a step (or a shard of it) whose attempts ended with (phase, exit code, message); the last decides."""
    name = f"{step}{shard}"
    nodes = {}
    for index, (phase, code, message) in enumerate(ends):
        nodes[f"{name}-{index}"] = {
            "id": f"{name}-{index}",
            "type": "Pod",
            "displayName": f"{name}({index})",
            "templateName": step,
            "phase": phase,
            "message": message,
            "startedAt": f"2026-01-01T00:00:{index:02}Z",
            "finishedAt": None if phase in ("Running", "Pending") else f"2026-01-01T00:00:{index + 10:02}Z",
            "outputs": {"exitCode": code} if code else {},
        }
    phase = {"Pending": "Running"}.get(ends[-1][0], ends[-1][0])
    head = {"id": name, "type": "Retry", "displayName": name, "templateName": step, "phase": phase, "children": list(nodes), "message": ""}
    return {name: head, **nodes}


def workflow(phase: str, *nodes: dict[str, Any], message: str = "", **spec: Any) -> dict[str, Any]:
    """A Workflow of run `one`."""
    together = {key: node for part in nodes for key, node in part.items()}
    return {
        "metadata": {"name": "one-abcde", "uid": "uid-one", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": LABELS},
        "spec": spec,
        "status": {"phase": phase, "message": message, "nodes": together, "storedWorkflowTemplateSpec": SPEC},
    }


DONE = ("Succeeded", "0", "")

GANG_UID = "12345678-9abc-4def-8123-456789abcdef"


def gang(phase: str, *ends: tuple[str, str, str], **spec: Any) -> dict[str, Any]:
    """A Workflow whose one node `train` is a JobSet; `ends` are those of the pods that waited for it."""
    made = workflow(phase, attempts("train", *ends), **spec)
    resource = {"name": "train", "metadata": {"labels": {"nemoflow/pool": "train"}}, "resource": {"action": "apply"}}
    dag = {"name": "dag", "dag": {"tasks": [{"template": "train"}]}}
    made["metadata"] = {**made["metadata"], "uid": GANG_UID}
    made["status"] = {**made["status"], "storedWorkflowTemplateSpec": {"entrypoint": "dag", "templates": [resource, dag]}}
    return made


def member(index: int, phase: str, code: int | None = None, message: str = "", attempt: int = 0) -> dict[str, Any]:
    """A pod of that node's."""
    labels = {"nemoflow/workflow": "one-abcde", "nemoflow/gang": "train", "nemoflow/step": "train"}
    labels["jobset.sigs.k8s.io/restart-attempt"] = str(attempt)
    ended = {"name": "main", "state": {"terminated": {"exitCode": code, "message": message}}}
    return {
        "metadata": {"name": f"p{index}", "labels": labels, "annotations": {"batch.kubernetes.io/job-completion-index": str(index)}},
        "status": {"phase": phase, "containerStatuses": [] if code is None else [ended]},
    }
