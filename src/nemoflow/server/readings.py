"""What a cluster's objects say, as numbers; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from nemoflow.argo.state import OVER, POOL_LABEL, RUN_LABEL, Row, attempts_of, read_state
from nemoflow.inference.deployment import TEACHER_LABEL

Object = Mapping[str, Any]
Outcome = Literal["done", "refused", "again", "memory", "bug", "lost"]
OUTCOMES: dict[str, Outcome] = {"0": "done", "2": "refused", "75": "again", "137": "memory", "1": "bug"}
"""What an exit code means; without one a pod was lost."""
TEAM_LABEL, PIPELINE_LABEL = "nemoflow/team", "nemoflow/pipeline"
COMPONENT_LABEL = "app.kubernetes.io/component"


@dataclass(frozen=True)
class RunReading:
    """One Workflow."""

    uid: str
    run: str
    team: str
    pipeline: str
    phase: str
    """waiting, running, done, failed or stopped."""
    root: str
    started: float
    """Unix time, as the others."""
    ended: float
    """0 while it is at work."""
    changed: float
    """When a pod of it began or ended last."""
    rows: tuple[Row, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.ended > 0


@dataclass(frozen=True)
class Attempt:
    """A pod of a run that has ended."""

    key: str
    team: str
    step: str
    outcome: Outcome
    ended: float


@dataclass(frozen=True)
class PodReading:
    """A pod of nemoflow that is there."""

    uid: str
    team: str
    component: str
    """step, teacher ..."""
    pool: str
    gpus: int
    created: float
    placed: float
    """When it got its node; 0 while it waits."""
    ended: float
    """0 while it is at work, or has not begun."""

    @property
    def waits(self) -> bool:
        """Whether it has no node yet."""
        return not self.placed and not self.ended


@dataclass(frozen=True)
class TeacherReading:
    """A teacher's Deployment, and who wants it awake."""

    name: str
    wanted: int
    ready: int
    leases: int
    """Live ones."""


def read_run(workflow: Object, now: float) -> RunReading:
    """A Workflow of nemoflow."""
    status, labels = workflow.get("status") or {}, workflow["metadata"].get("labels") or {}
    state = read_state(workflow, now=now)
    times = [_time(node.get(key)) for node in attempts_of(workflow) for key in ("startedAt", "finishedAt")]
    started = _time(state.started)
    given = ((workflow.get("spec") or {}).get("arguments") or {}).get("parameters") or ()
    stored = ((status.get("storedWorkflowTemplateSpec") or {}).get("arguments") or {}).get("parameters") or ()
    roots = {entry["name"]: entry.get("value", "") for entry in (*stored, *given)}
    return RunReading(
        uid=state.uid,
        run=state.run,
        team=labels.get(TEAM_LABEL, ""),
        pipeline=labels.get(PIPELINE_LABEL, ""),
        phase=_phase(workflow),
        root=str(roots.get("root", "")),
        started=started,
        ended=(_time(status.get("finishedAt")) or started) if status.get("phase") in OVER else 0.0,
        changed=max([started, *times]),
        rows=state.rows,
    )


def _phase(workflow: Object) -> str:
    phase = (workflow.get("status") or {}).get("phase") or ""
    if phase not in OVER:
        return "running" if phase == "Running" else "waiting"
    if phase == "Succeeded":
        return "done"
    return "stopped" if (workflow.get("spec") or {}).get("shutdown") else "failed"


def read_attempts(workflow: Object) -> list[Attempt]:
    """The pods of a Workflow that have ended."""
    metadata = workflow["metadata"]
    team = (metadata.get("labels") or {}).get(TEAM_LABEL, "")
    return [
        Attempt(f"{metadata['uid']}/{node['id']}", team, str(node.get("templateName", "")), _outcome(node), _time(node["finishedAt"]))
        for node in attempts_of(workflow)
        if node.get("finishedAt") and node.get("phase") in ("Succeeded", "Failed", "Error")
    ]


def _outcome(node: Object) -> Outcome:
    if node["phase"] == "Succeeded":
        return "done"
    code = str((node.get("outputs") or {}).get("exitCode") or "")
    return OUTCOMES.get(code, "lost" if code in ("", "-1", "143") else "bug")


def read_pod(pod: Object, gpu_resources: Sequence[str]) -> PodReading:
    """A pod, with the GPUs that it holds once it is placed."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    labels = metadata.get("labels") or {}
    asked = [(container.get("resources") or {}).get("limits") or {} for container in pod["spec"]["containers"]]
    placed = [found for found in status.get("conditions") or () if found["type"] == "PodScheduled" and found["status"] == "True"]
    is_over = status.get("phase") in ("Succeeded", "Failed")
    created = _time(metadata["creationTimestamp"])
    return PodReading(
        uid=metadata["uid"],
        team=labels.get(TEAM_LABEL, ""),
        component=labels.get(COMPONENT_LABEL, ""),
        pool=labels.get(POOL_LABEL, ""),
        gpus=sum(int(limits.get(name, 0)) for limits in asked for name in gpu_resources),
        created=created,
        placed=_time(placed[0].get("lastTransitionTime")) if placed else 0.0,
        ended=(_ended(status) or created) if is_over else 0.0,
    )


def _ended(status: Object) -> float:
    states = [found.get("state") or {} for found in status.get("containerStatuses") or ()]
    return max((_time((state.get("terminated") or {}).get("finishedAt")) for state in states), default=0.0)


def read_teachers(deployments: Iterable[Object], leases: Iterable[Object], workflows: Iterable[Object], now: float) -> list[TeacherReading]:
    """Each teacher with its live leases: those of Workflows at work and, of laptops, those that were renewed in time."""
    at_work = {workflow["metadata"]["uid"] for workflow in workflows if (workflow.get("status") or {}).get("phase") not in OVER}
    live = [(lease["metadata"].get("labels") or {}).get(TEACHER_LABEL, "") for lease in leases if _is_live(lease, at_work, now)]
    return [
        TeacherReading(
            name=found["metadata"]["name"],
            wanted=int((found.get("spec") or {}).get("replicas") or 0),
            ready=int((found.get("status") or {}).get("readyReplicas") or 0),
            leases=live.count(found["metadata"]["name"]),
        )
        for found in deployments
    ]


def _is_live(lease: Object, at_work: set[str], now: float) -> bool:
    owners = [owner["uid"] for owner in lease["metadata"].get("ownerReferences") or () if owner.get("kind") == "Workflow"]
    if owners:
        return bool(at_work.intersection(owners))
    spec = lease.get("spec") or {}
    return _time(spec.get("renewTime")) + float(spec.get("leaseDurationSeconds") or 0) > now


def is_ours(workflow: Object) -> bool:
    """Whether a Workflow is a run of nemoflow."""
    return bool((workflow["metadata"].get("labels") or {}).get(RUN_LABEL))


def _time(stamp: str | None) -> float:
    if not stamp:
        return 0.0
    found = datetime.fromisoformat(stamp)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
