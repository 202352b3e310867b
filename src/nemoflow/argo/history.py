"""history: what happened to a run, and when: attempts, lost pods, preemptions, waits.

Read from what is left of it: the nodes of its Workflows (as long as those are kept), its pods, and the events of both, which most
clusters keep for an hour. A pod that was replaced before Argo's controller saw it at work is in the events alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from nemoflow.argo.api import Api
from nemoflow.argo.members import SENT_AWAY, gangs, jobset_of
from nemoflow.argo.state import EXIT, OVER, RUN_LABEL, attempts_of
from nemoflow.errors import EXIT_BAD_INPUT, EXIT_BUG, EXIT_NO_MEMORY, EXIT_OK, EXIT_TRY_AGAIN, ClusterError

Object = Mapping[str, Any]
Kind = Literal["run", "wait", "begin", "stop", "done", "failed", "again", "memory", "lost", "preempted", "evicted", "event"]

ENDS: dict[str, tuple[Kind, str]] = {
    str(EXIT_OK): ("done", "done"),
    str(EXIT_BUG): ("failed", "a bug"),
    str(EXIT_BAD_INPUT): ("failed", "refuses what it was given"),
    str(SENT_AWAY): ("again", "was sent away as it began"),
    "69": ("failed", "gives up, having been tried too often"),
    str(EXIT_TRY_AGAIN): ("again", "asks to be tried again"),
    str(EXIT_NO_MEMORY): ("memory", "killed, mostly for want of memory"),
}
"""What the exit code of an attempt says."""
GANG_ENDS: dict[str, tuple[Kind, str]] = {
    "RestartJobSetFailurePolicyAction": ("again", "a pod was lost or asks to be tried again: all pods begin anew"),
    "RestartJobSetAndIgnoreMaxRestartsFailurePolicyAction": ("again", "a pod was sent away: all pods begin anew"),
    "FailJobSetFailurePolicyAction": ("event", "a pod ended all of them"),
}
"""What reasons of a JobSet's events say."""
NODE = re.compile(r"(?:\((?P<shard>\d+):[^()]*\))?(?:\((?P<attempt>\d+)\))?$")
"""The end of a node's name: shard and attempt."""
USUAL = ("Scheduled", "Pulled", "Pulling", "Created", "Started", "Killing", "SuccessfulCreate", "CreatedWorkload", "FinishedWorkload")
"""Reasons of events that tell nothing which nodes and pods do not."""
PREEMPTED = re.compile(r"Preempt(ed|ion|ing)")
EVICTED = re.compile(r"Evict|NodeShutdown|TaintManager")
TAKEN = re.compile(rf"{PREEMPTED.pattern}|{EVICTED.pattern}|^Stopped$")
"""Reasons of the events of a pod, and of its Workload, that was preempted or evicted."""
WAIT_S = 5.0
"""From here on the time between a pod's making and its work's begin is told as a wait."""
WHAT_CHARS = 300
NO_PLACE = ("FailedScheduling", "Pending")
"""Reasons of events that say why a pod waits: the scheduler's, Kueue's."""
TEACHER_POD = "nemoflow-teacher-"
"""What the names of the chart's teacher's pods begin with."""
JANITOR_POD = f"{TEACHER_POD}janitor-"
"""Those of the janitor, which comes each minute and is no run's."""
COMPLAINT = "nemoflow: "
"""What the last line of a command that failed begins with."""


@dataclass(frozen=True)
class Happening:
    """One thing that happened to a run."""

    at: str
    """UTC, ISO 8601."""
    step: str
    """Empty: the whole run."""
    shard: int | None
    attempt: int | None
    """Counted from 1."""
    kind: Kind
    what: str
    seconds: float = 0.0
    """How long it took: a wait, an attempt."""

    @property
    def where(self) -> str:
        """Step, shard and attempt: `harvest[0] 2`."""
        shard = "" if self.shard is None else f"[{self.shard}]"
        return f"{self.step}{shard}" + (f" {self.attempt}" if (self.attempt or 1) > 1 else "")

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


@dataclass(frozen=True)
class _Pod:
    """One pod that there was; several may have had the name of a node's."""

    made: float
    began: float | None
    """When the step's own container started."""
    asked: float | None
    """When it was asked to stop."""
    events: Sequence[Object]
    status: Object


def history(
    workflows: Sequence[Object], pods: Sequence[Object] = (), events: Sequence[Object] = (), said: Mapping[str, str] | None = None
) -> tuple[Happening, ...]:
    """All that happened to the Workflows of a run, the oldest first; `said` has the last words of pods by their names."""
    found = [happening for workflow in workflows for happening in _of_workflow(workflow, pods, events, said or {})]
    return tuple(sorted(found, key=lambda happening: (happening.at, happening.kind != "run")))


def read_history(api: Api, run: str) -> tuple[Happening, ...]:
    """What the cluster knows of a run; nothing where it was never there, or was cleared away."""
    workflows = api.items("workflows", {RUN_LABEL: run})
    if not workflows:
        return ()
    pods = api.items("pods", {RUN_LABEL: run})
    said = {pod["metadata"]["name"]: _last_words(api, pod["metadata"]["name"]) for pod in pods if _main_code(pod) not in (None, EXIT_OK)}
    return history(workflows, pods, api.get("events")["items"], said)


def _last_words(api: Api, pod: str) -> str:
    """The error that a step ended with, as its log has it; empty where the log is gone."""
    try:
        errors = [line for line in api.log(pod, follow=False) if line.startswith(COMPLAINT)]
    except ClusterError:
        return ""
    return errors[-1].removeprefix(COMPLAINT) if errors else ""


def _main_code(pod: Object) -> int | None:
    """Exit code of the step's container."""
    ended = (_main_state(pod.get("status") or {}).get("terminated") or {}).get("exitCode")
    return None if ended is None else int(ended)


def _main_state(status: Object) -> Object:
    return next((found.get("state") or {} for found in status.get("containerStatuses") or () if found["name"] == "main"), {})


def counts(happenings: Iterable[Happening]) -> dict[str, float | int]:
    """Attempts, how they ended, and the seconds that pods waited."""
    kinds: Counter[str] = Counter()
    waited = 0.0
    for happening in happenings:
        kinds[happening.kind] += happening.kind != "run"
        waited += happening.seconds if happening.kind == "wait" else 0.0
    names = {"begin": "attempts", "again": "tried_again", "memory": "out_of_memory"}
    counted = {
        names.get(kind, kind): kinds[kind] for kind in ("begin", "done", "failed", "again", "memory", "lost", "preempted", "evicted")
    }
    return {**counted, "waited_s": round(waited, 1)}


def _of_workflow(workflow: Object, pods: Sequence[Object], events: Sequence[Object], said: Mapping[str, str]) -> Iterator[Happening]:
    name, status = workflow["metadata"]["name"], workflow.get("status") or {}
    yield _happening(workflow["metadata"]["creationTimestamp"], "run", f"workflow {name} was sent")
    if shutdown := (workflow.get("spec") or {}).get("shutdown"):
        asked = [str(entry["time"]) for entry in workflow["metadata"].get("managedFields") or () if _sets_shutdown(entry)]
        known = [str(status[name]) for name in ("finishedAt", "startedAt") if status.get(name)]
        if asked or known:
            yield _happening((asked or known)[0], "run", f"was asked to end ({shutdown})")
    if status.get("phase") in OVER and status.get("finishedAt"):
        yield _happening(status["finishedAt"], "run", f"{status['phase'].lower()}: {status.get('message') or ''}".rstrip(": "))
    mine = [event for event in events if _object_name(event).removeprefix("pod-").startswith(f"{name}-")]
    for node in attempts_of(workflow):
        yield from _of_node(node, _pods_of(node, pods, mine), said)
    yield from _of_gangs(workflow, events)
    until = _seconds(status["finishedAt"]) if status.get("finishedAt") else float("inf")
    yield from _of_teacher(events, _seconds(workflow["metadata"]["creationTimestamp"]), until)


def _of_gangs(workflow: Object, events: Sequence[Object]) -> Iterator[Happening]:
    """When all pods of a JobSet began anew, and when one ended it."""
    jobsets = {jobset_of(workflow, node): node for node in gangs(workflow)}
    for event in events:
        owner = event["involvedObject"]
        if owner.get("kind") == "JobSet" and owner["name"] in jobsets and (found := GANG_ENDS.get(event["reason"])):
            yield Happening(_stamp(_when(event)), jobsets[owner["name"]], None, None, *found)


def _of_teacher(events: Sequence[Object], since: float, until: float) -> Iterator[Happening]:
    """What became of the pods of the chart's teacher while a Workflow was there."""
    for event in events:
        owner, at = event["involvedObject"], _when(event)
        if owner.get("kind") != "Pod" or not _is_teacher(owner["name"]) or not since <= at <= until:
            continue
        if event["reason"] in ("Started", "Killing"):
            words = "its container starts" if event["reason"] == "Started" else "is asked to stop"
            yield Happening(_stamp(at), "teacher", None, None, "event", f"{owner['name'].removeprefix(TEACHER_POD)}: {words}")
        elif event["reason"] not in USUAL:
            yield Happening(_stamp(at), "teacher", None, None, "event", f"{event['reason']}: {event.get('message') or ''}"[:WHAT_CHARS])


def _is_teacher(pod: str) -> bool:
    return pod.startswith(TEACHER_POD) and not pod.startswith(JANITOR_POD)


def _sets_shutdown(entry: Object) -> bool:
    return "f:shutdown" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})


def _of_node(node: Object, pods: Sequence[_Pod], said: Mapping[str, str]) -> Iterator[Happening]:
    """An attempt as Argo has it, with the pods that it had before Argo looked."""
    for pod in pods[:-1]:
        yield from _beginning(node, pod)
        kind, why = _loss(pod)
        yield _of(node, pod.asked or pod.made, kind, f"{why}; made anew")
    last = pods[-1] if pods else _Pod(_seconds(node["startedAt"]), None, None, (), {}) if node.get("startedAt") else None
    if last is None:
        return
    yield from _beginning(node, last)
    if last.asked and node.get("phase") != "Succeeded":
        yield _of(node, last.asked, "stop", "is asked to stop")
    if node.get("finishedAt"):
        ended = max(_seconds(node["finishedAt"]), last.asked or 0.0, last.began or 0.0)  # Argo dates an evicted pod's end to its making
        kind, what = _end(node, last)
        words = next((words for pod, words in said.items() if pod.endswith(f"-{_number(node)}")), "")
        what += f": {words}" if words and kind != "done" else ""
        yield _of(node, ended, kind, what, ended - (last.began or last.made))


def _beginning(node: Object, pod: _Pod) -> Iterator[Happening]:
    is_taken = node.get("phase") != "Succeeded" and _loss(pod)[0] != "lost"  # who took it is told where it ends
    told = [event for event in pod.events if event["reason"] not in USUAL and not (is_taken and TAKEN.search(event["reason"]))]
    for event in told:
        count = event.get("count") or 1
        times = f" ({count} times)" if count > 1 else ""
        if pod.began is None or event["reason"] not in NO_PLACE:  # of one that began, the wait tells why
            yield _of(node, _when(event), "event", f"{event['reason']}: {event.get('message') or ''}{times}")
    if pod.began is not None:
        waited = pod.began - pod.made
        if waited >= WAIT_S:
            reasons = [str(event.get("message")) for event in told if event.get("reason") in NO_PLACE]
            yield _of(
                node,
                pod.made,
                "wait",
                f"waits {waited:.0f} s for its place{': ' if reasons else ''}{reasons[-1] if reasons else ''}",
                waited,
            )
        yield _of(node, pod.began, "begin", "begins")
    elif node.get("phase") not in ("Pending", "Skipped", "Omitted"):
        yield _of(node, pod.made, "begin", "begins")


def _end(node: Object, pod: _Pod) -> tuple[Kind, str]:
    code, message = str((node.get("outputs") or {}).get("exitCode", "")), str(node.get("message") or "")
    if node.get("phase") == "Succeeded":
        return "done", "done"
    if node.get("phase") in ("Skipped", "Omitted"):
        return "event", f"is left out: {message}".rstrip(": ")
    if "failure condition" in message:
        return "failed", "its JobSet failed"
    away, why = _loss(pod, message)
    if code in (str(SENT_AWAY), str(EXIT_TRY_AGAIN)) and away != "lost":  # it stopped in time because it was sent away
        return away, f"{why} (exit code {code})"
    if code in ENDS and code != "0":
        kind, words = ENDS[code]
        return kind, f"{words} (exit code {code})" + (f": {message}" if "exit code" not in message and message else "")
    return away, why


def _loss(pod: _Pod, message: str = "") -> tuple[Kind, str]:
    """Why a pod went without having ended: preempted, evicted, or just gone."""
    told = [(str(event.get("reason")), str(event.get("message") or "")) for event in pod.events]
    told += [
        (str(condition.get("reason")), str(condition.get("message") or ""))
        for condition in pod.status.get("conditions") or ()
        if condition["type"] in ("DisruptionTarget", "TerminationTarget") and condition["status"] == "True"
    ]
    told += [(str(pod.status.get("reason") or ""), str(pod.status.get("message") or ""))]
    found: Iterable[tuple[Kind, re.Pattern[str]]] = (("preempted", PREEMPTED), ("evicted", EVICTED))
    for kind, pattern in found:
        for reason, said in told:
            if pattern.search(reason):
                return kind, f"{kind}: {said or message or reason}"
    return "lost", f"lost: {message or 'its pod was deleted'}"


def _pods_of(node: Object, pods: Sequence[Object], events: Sequence[Object]) -> list[_Pod]:
    """The pods that a node had, from events and from what is there; the first made first."""
    number = _number(node)
    by_uid: dict[str, list[Object]] = defaultdict(list)
    aside: list[Object] = []
    for event in events:
        owner = event["involvedObject"]
        if owner.get("kind") == "Pod" and owner["name"].endswith(f"-{number}"):
            by_uid[str(owner.get("uid"))].append(event)
        elif owner.get("kind") == "Workload" and f"-{number}-" in owner["name"]:
            aside.append(event)
    there = {str(pod["metadata"]["uid"]): pod for pod in pods if pod["metadata"]["name"].endswith(f"-{number}")}
    found = [_pod(by_uid.get(uid, ()), there.get(uid, {})) for uid in {*by_uid, *there}]
    ordered = sorted((pod for pod in found if pod is not None), key=lambda pod: pod.made)
    return [_with(pod, aside, ordered[index + 1].made if index + 1 < len(ordered) else None) for index, pod in enumerate(ordered)]


def _number(node: Object) -> str:
    """What the name of a node's pod ends with."""
    return str(node["id"]).rpartition("-")[2]


def _with(pod: _Pod, aside: Sequence[Object], until: float | None) -> _Pod:
    """A pod with what happened to its Workload in its time."""
    own = [event for event in aside if pod.made - 1 <= _when(event) and (until is None or _when(event) < until)]
    return _Pod(pod.made, pod.began, pod.asked, sorted([*pod.events, *own], key=_when), pod.status)


def _pod(events: Sequence[Object], pod: Object) -> _Pod | None:
    status = pod.get("status") or {}
    times = [_when(event) for event in events]
    made = _seconds(pod["metadata"]["creationTimestamp"]) if pod else min(times, default=None)
    if made is None:
        return None
    began = [_when(event) for event in events if event.get("reason") == "Started" and _is_of_main(event)]
    began += [_seconds(part["startedAt"]) for part in _main_state(status).values() if part.get("startedAt")]
    asked = [_when(event) for event in events if event.get("reason") == "Killing" and _is_of_main(event)]
    return _Pod(made, min(began, default=None), min(asked, default=None), sorted(events, key=_when), status)


def _is_of_main(event: Object) -> bool:
    return str(event["involvedObject"].get("fieldPath") or "") == "spec.containers{main}"


def _object_name(event: Object) -> str:
    return str((event.get("involvedObject") or {}).get("name") or "")


def _when(event: Object) -> float:
    return _seconds(
        event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or event["metadata"]["creationTimestamp"]
    )


def _of(node: Object, at: float, kind: Kind, what: str, seconds: float = 0.0) -> Happening:
    match = NODE.search(str(node.get("name") or node["displayName"]))
    shard, attempt = (match["shard"], match["attempt"]) if match else (None, None)
    step = f"{node['templateName']} (exit)" if EXIT in str(node.get("name", "")) else str(node["templateName"])
    return Happening(
        at=_stamp(at),
        step=step,
        shard=int(shard) if shard else None,
        attempt=int(attempt) + 1 if attempt else None,
        kind=kind,
        what=" ".join(what.split())[:WHAT_CHARS],
        seconds=round(max(0.0, seconds), 1),
    )


def _happening(at: str, kind: Kind, what: str) -> Happening:
    return Happening(_stamp(_seconds(at)), "", None, None, kind, " ".join(what.split())[:WHAT_CHARS])


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
