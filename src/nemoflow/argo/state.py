"""What a Workflow of Argo is at: a row a step, and the exit code of the whole."""

import base64
import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from nemoflow.argo import members
from nemoflow.errors import EXIT_BAD_INPUT, EXIT_BUG, EXIT_GIVEN_UP, EXIT_OK, EXIT_TRY_AGAIN

Object = Mapping[str, Any]
Phase = Literal["waiting", "pending", "running", "done", "failed", "skipped"]
PHASES: dict[str, Phase] = {
    "": "pending",
    "Pending": "pending",
    "Running": "running",
    "Succeeded": "done",
    "Failed": "failed",
    "Error": "failed",
    "Skipped": "skipped",
    "Omitted": "skipped",
}
OVER = ("Succeeded", "Failed", "Error")
RUN_LABEL, STEP_LABEL, POOL_LABEL = "nemoflow/run", "nemoflow/step", "nemoflow/pool"
NODE_NAME = "workflows.argoproj.io/node-name"
EXIT = ".onExit"
"""In the name of an exit handler's node."""
STARTING = ("PodInitializing", "ContainerCreating")
FULL_DISK = re.compile(r"Usage of EmptyDir|ephemeral local storage|local ephemeral storage")
"""The kubelet's words for a pod that wrote more than its disk may hold."""
NOT_ADMITTED = re.compile(r"^pods .* is forbidden|admission webhook .* denied")
"""The API server's, for a pod that it does not take."""
NOT_APPLIED = re.compile(r"is forbidden|no matches for kind|is invalid")
"""The same for a JobSet."""
HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "ErrImageNeverPull")
"""Reasons for which a container waits until somebody changes something."""


@dataclass(frozen=True)
class Row:
    """One step of a run."""

    step: str
    pool: str
    phase: Phase
    shards: int
    done: int
    """Of the shards."""
    attempts: int
    seconds: float
    """From the first attempt's start until now, or its end."""
    why: str
    """Why it is pending, or how the last attempt failed."""


@dataclass(frozen=True)
class RunState:
    """A Workflow, read."""

    name: str
    uid: str
    run: str
    phase: str
    """Argo's word; empty before its controller saw it."""
    message: str
    rows: tuple[Row, ...]
    exit_code: int | None
    """None while it is at work."""
    started: str

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.exit_code is not None


def read_state(workflow: Object, pods: Sequence[Object] = (), now: float | None = None, waits: Mapping[str, str] | None = None) -> RunState:
    """Read a Workflow and, for the reasons why something is pending, its pods; `waits` tells why pods wait for quota, by their names."""
    status = workflow.get("status") or {}
    labels = workflow["metadata"].get("labels") or {}
    phase = status.get("phase") or ""
    nodes = list(_nodes(status).values())
    together = members.gangs(workflow)
    rows = tuple(
        _of_gang(workflow, part, pods, now, waits or {}) if part.step in together else _row(part, now, waits or {})
        for part in _parts(workflow, nodes, pods)
    )
    return RunState(
        name=workflow["metadata"]["name"],
        uid=workflow["metadata"]["uid"],
        run=labels.get(RUN_LABEL, ""),
        phase=phase,
        message=status.get("message") or "",
        rows=tuple(map(_ended, rows)) if phase in OVER else rows,
        exit_code=exit_code(workflow, pods) if phase in OVER else None,
        started=status.get("startedAt") or workflow["metadata"]["creationTimestamp"],
    )


def _ended(row: Row) -> Row:
    """A row of a Workflow that is over: where that was stopped, Argo leaves the node above a step's attempts at work."""
    return replace(row, phase="failed") if row.phase in ("pending", "running") else row


def exit_code(workflow: Object, pods: Sequence[Object] = ()) -> int:
    """What `nemoflow run` would have ended with: 0, or the exit code of the step that failed first; of a gang its pods know it."""
    status = workflow.get("status") or {}
    if status.get("phase") == "Succeeded":
        return EXIT_OK
    failed = sorted(broken_pods(workflow), key=lambda node: node.get("finishedAt") or "")
    if any(FULL_DISK.search(why) or NOT_ADMITTED.search(why) for node in failed if (why := str(node.get("message") or ""))):
        return EXIT_BAD_INPUT
    together = members.gangs(workflow)
    codes = [code for node in failed if (code := _gang_code(node, pods) if node["templateName"] in together else _code(node)) is not None]
    if codes:
        return EXIT_TRY_AGAIN if codes[0] == EXIT_GIVEN_UP else codes[0]
    if workflow["spec"].get("shutdown") or failed or "deadline" in (status.get("message") or ""):
        return EXIT_TRY_AGAIN  # stopped, lost, or out of time: nothing says that it would fail again
    return EXIT_BAD_INPUT if (status.get("message") or "").startswith("invalid spec") else EXIT_BUG


def broken_pods(workflow: Object) -> list[Object]:
    """The last attempt of everything that failed for good."""
    nodes = _nodes(workflow.get("status") or {})
    last = [
        _attempts(node, nodes)[-1]
        for node in nodes.values()
        if node["type"] == "Retry" and PHASES[node["phase"]] == "failed" and _attempts(node, nodes)
    ]
    children = {child for node in nodes.values() if node["type"] == "Retry" for child in node.get("children") or ()}
    alone = [node for key, node in nodes.items() if node["type"] == "Pod" and key not in children and PHASES[node["phase"]] == "failed"]
    return last + alone


def hopeless(pods: Iterable[Object]) -> list[str]:
    """What pods wait for that will not come by itself: an image that is not there, a missing Secret."""
    found = set()
    for pod in pods:
        for status in _container_statuses(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in HOPELESS:
                found.add(f"{status.get('image') or status['name']}: {waiting['reason']}: {waiting.get('message') or ''}")
    return sorted(found)


def attempts_of(workflow: Object) -> list[Object]:
    """Argo's nodes of a Workflow that stand for pods."""
    return [node for node in _nodes(workflow.get("status") or {}).values() if node["type"] == "Pod"]


def _nodes(status: Object) -> dict[str, Object]:
    if status.get("compressedNodes"):
        found: dict[str, Object] = json.loads(gzip.decompress(base64.b64decode(status["compressedNodes"])))
        return found
    return dict(status.get("nodes") or {})


def _attempts(retry: Object, nodes: Mapping[str, Object]) -> list[Object]:
    """A node's pods, in order; Argo also lists what follows a node among its children."""
    own = [nodes[child] for child in retry.get("children") or () if child in nodes]
    return [node for node in own if node["type"] == "Pod" and node.get("templateName") == retry.get("templateName")]


def _code(node: Object) -> int | None:
    text = (node.get("outputs") or {}).get("exitCode")
    if text in (None, "", "0", "-1"):
        return None
    return EXIT_TRY_AGAIN if text == str(members.SENT_AWAY) else int(text)


def _gang_code(node: Object, pods: Sequence[Object]) -> int | None:
    """Of the pod that ended a gang; None where none says so: it was deleted, or had no time left."""
    broken = members.culprit(members.members(pods, str(node["templateName"])))
    if broken is None:
        return EXIT_BAD_INPUT if NOT_APPLIED.search(str(node.get("message") or "")) else None
    return int(broken.end["exitCode"])


@dataclass(frozen=True)
class _Part:
    """One step as Argo has it."""

    step: str
    pool: str
    shards: int
    nodes: Sequence[Object]
    pods: Sequence[Object]

    @property
    def heads(self) -> list[Object]:
        """What stands for a shard: the node above its attempts."""
        return [node for node in self.nodes if node["type"] != "Pod"]

    @property
    def attempts(self) -> list[Object]:
        """One a pod."""
        return [node for node in self.nodes if node["type"] == "Pod"]


def _parts(workflow: Object, nodes: Sequence[Object], pods: Sequence[Object]) -> list[_Part]:
    """The tasks of the DAG that the Workflow runs, in order, and its exit handler once that has begun.

    A Workflow that was started from a template has that one's spec in its status.
    """
    spec = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
    templates = {template["name"]: template for template in spec.get("templates") or ()}
    dag = (templates.get(spec.get("entrypoint")) or {}).get("dag") or {}

    def part(step: str, shards: int, *, is_exit: bool) -> _Part:
        pool = ((templates.get(step, {}).get("metadata") or {}).get("labels") or {}).get(POOL_LABEL, "")
        own = [node for node in nodes if node.get("templateName") == step and node["type"] not in ("TaskGroup", "DAG")]
        mine = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(STEP_LABEL) == step]
        return _Part(
            f"{step} (exit)" if is_exit else step,
            pool,
            shards,
            [node for node in own if (EXIT in node.get("name", "")) is is_exit],
            [pod for pod in mine if (EXIT in (pod["metadata"].get("annotations") or {}).get(NODE_NAME, "")) is is_exit],
        )

    counts = {task["template"]: (task.get("withSequence") or {}).get("count") for task in dag.get("tasks") or ()}
    found = [part(step, int(count) if count else 1, is_exit=False) for step, count in counts.items()]
    exit_handler = part(str(spec.get("onExit") or ""), 1, is_exit=True)
    return [*found, exit_handler] if exit_handler.nodes else found


def _row(part: _Part, now: float | None, waits: Mapping[str, str]) -> Row:
    phases = [PHASES[node.get("phase") or ""] for node in part.heads]
    phase = _phase(phases, part.shards, part.attempts)
    starts = [_seconds(node["startedAt"]) for node in part.attempts if node.get("startedAt")]
    ends = [_seconds(node["finishedAt"]) for node in part.attempts if node.get("finishedAt")]
    until = max(ends, default=0.0) if phase in ("done", "failed", "skipped") else (now or datetime.now().timestamp())
    return Row(
        step=part.step,
        pool=part.pool,
        phase=phase,
        shards=part.shards,
        done=min(part.shards, phases.count("done")),
        attempts=len(part.attempts),
        seconds=max(0.0, until - min(starts)) if starts else 0.0,
        why=_why(part, phase, waits),
    )


def _of_gang(workflow: Object, part: _Part, pods: Sequence[Object], now: float | None, waits: Mapping[str, str]) -> Row:
    """A row whose attempts, phase and reasons are those of the pods of the JobSet."""
    row, found = _row(part, now, waits), members.members(pods, part.step)
    attempts = max([row.attempts and 1, *(member.attempt + 1 for member in found)])
    if row.phase == "failed":
        return replace(row, attempts=attempts, why=members.how_it_ended(found) or row.why)
    if row.phase != "running":
        return replace(row, attempts=attempts)
    reasons = {why_pending(member.pod) for member in found} - {""} or {waits.get(members.jobset_of(workflow, part.step), "")}
    phase = members.phase(found)
    why = "; ".join(sorted(reasons)) or "waiting for its pods"
    return replace(row, attempts=attempts, phase=phase, why=why if phase == "pending" else "")


def _phase(phases: Sequence[Phase], shards: int, attempts: Sequence[Object]) -> Phase:
    if not phases:
        return "waiting"
    if "failed" in phases:
        return "failed"
    if phases.count("done") >= shards:
        return "done"
    if all(phase == "skipped" for phase in phases):
        return "skipped"
    is_running = any(node.get("phase") == "Running" for node in attempts)
    return "running" if is_running or "done" in phases else "pending"


def _why(part: _Part, phase: Phase, waits: Mapping[str, str]) -> str:
    if phase in ("waiting", "done", "skipped"):
        return ""
    if phase == "failed":
        last = [node for node in part.attempts if PHASES[node.get("phase") or ""] == "failed" and node.get("message")]
        return str(last[-1]["message"]) if last else next((str(node["message"]) for node in part.heads if node.get("message")), "")
    reasons = {why for pod in part.pods if (why := waits.get(pod["metadata"]["name"]) or why_pending(pod))}
    at_work = [node for node in (*part.heads, *part.attempts) if PHASES[node.get("phase") or ""] in ("pending", "running")]
    reasons |= {message for node in at_work if (message := node.get("message") or "") and message not in STARTING}
    return "; ".join(sorted(reasons))


def why_pending(pod: Object) -> str:
    """What a pod waits for, in words; empty where it does not wait."""
    status = pod.get("status") or {}
    if status.get("phase") != "Pending":
        return ""
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "SchedulingGated":
            return "waiting for quota"
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason") or "not scheduled yet")
    for found in _container_statuses(pod):
        waiting = (found.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, *STARTING):
            return f"{waiting['reason']}: {waiting.get('message') or ''}".rstrip(": ")
    return "its container is being made" if status.get("containerStatuses") else "waiting for a node"


def _container_statuses(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
