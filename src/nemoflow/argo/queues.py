"""Queues: who holds what of the quota, who waits for it, and why, read from Kueue's objects.

A Workload of Kueue stands for one pod, or for a JobSet whose pods come together. It holds the pod as it is specified, whose command line
names step and run; so that is known of other namespaces too, where one may read their Workloads, and without reading pods.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nemoflow.argo.api import FORBIDDEN, MISSING, Api
from nemoflow.argo.cluster import size
from nemoflow.argo.quota import EVERYWHERE, Ask, Cell, Quotas, asked, number, read_cohort, read_flavor, read_team
from nemoflow.errors import ClusterRefused

Object = Mapping[str, Any]
SHORT = re.compile(r"insufficient unused quota for (\S+) in flavor (\S+), (\S+) more needed")
NEVER = re.compile(r"insufficient quota for (\S+) in flavor (\S+), .* > maximum capacity \((\S+)\)")
GATE = "kueue.x-k8s.io/admission"


@dataclass(frozen=True)
class Claim:
    """A pod's claim to quota, or a JobSet's: granted, waiting or over."""

    name: str
    """Of its Workload."""
    namespace: str
    queue: str
    team: str
    """The ClusterQueue that it is, or would be, admitted by; empty where that is not known."""
    pod: str
    run: str
    step: str
    priority: int
    ask: Ask
    held: Mapping[Cell, float] = field(default_factory=dict)
    """What was granted, without cores and memory; empty while it waits."""
    made: float = 0.0
    """Seconds since 1970, as all times here."""
    since: float | None = None
    """When it was granted."""
    ended: float | None = None
    """When its pod was over."""
    says: str = ""
    """Why it waits, in Kueue's words."""
    place: int | None = None
    """In its ClusterQueue, from 1; None where it does not wait."""

    @property
    def what(self) -> str:
        """Run and step, or its pod's name where it is no step."""
        return f"{self.run}/{self.step}" if self.run else self.step or self.pod

    @property
    def is_waiting(self) -> bool:
        """Whether it has nothing yet and still wants it."""
        return self.since is None and self.ended is None

    @property
    def is_holding(self) -> bool:
        """Whether it takes quota now."""
        return self.since is not None and self.ended is None

    @property
    def wants(self) -> str:
        """`2 nvidia.com/gpu`; cores and memory only where it wants nothing else."""
        amounts = self.ask.gpus or self.ask.amounts
        return " and ".join(f"{number(amount)} {resource}" for resource, amount in sorted(amounts.items())) or "nothing"

    @property
    def why(self) -> str:
        """Why it waits, in words for people."""
        return explain(self.says)


@dataclass(frozen=True)
class Queues:
    """What there is to be seen of one namespace's queues, and of those who share with them."""

    namespace: str
    local: Mapping[str, str]
    """LocalQueue of the namespace to its team (ClusterQueue)."""
    quotas: Quotas
    claims: tuple[Claim, ...]
    unseen: tuple[str, ...] = ()
    """What one may not look at, in words."""

    @property
    def holding(self) -> list[Claim]:
        """Longest first."""
        return sorted((claim for claim in self.claims if claim.is_holding), key=lambda claim: claim.since or 0.0)

    @property
    def waiting(self) -> list[Claim]:
        """By team and place."""
        waiting = (claim for claim in self.claims if claim.is_waiting)
        return sorted(waiting, key=lambda claim: (claim.team, claim.place or 10**9, claim.made))

    @property
    def gpu_cells(self) -> list[Cell]:
        """Flavors and resources that are worth a line."""
        found = {cell: None for team in self.quotas.teams.values() for cell in team.cells if cell[1] not in EVERYWHERE}
        return list(found)


def explain(says: str) -> str:
    """Kueue's message in words for people; as it is where it is of no known form."""
    if found := NEVER.search(says):
        return f"it can never be had: {found[2]} has at most {found[3]} {found[1]} for this queue"
    if shorts := SHORT.findall(says):
        return "; ".join(f"{more} {resource} of {flavor} too few are free" for resource, flavor, more in shorts)
    return " ".join(says.split())


def read_queues(api: Api) -> Queues:
    """Look at all that one may; ClusterRefused where there is no Kueue or no queue may be read at all."""
    if not api.serves("localqueues"):
        raise ClusterRefused(f"{api.host}: Kueue is not installed there (no kueue.x-k8s.io/v1beta2 localqueues)")
    unseen: list[str] = []
    local = {queue["metadata"]["name"]: str(queue["spec"]["clusterQueue"]) for queue in api.get("localqueues")["items"]}
    listed = {kind: _seen(api, kind, unseen) for kind in ("clusterqueues", "cohorts", "resourceflavors")}
    teams = {team.name: team for team in map(read_team, listed["clusterqueues"])}
    shared = {teams[name].cohort for name in local.values() if name in teams and teams[name].cohort}
    near = {name: team for name, team in teams.items() if name in local.values() or team.cohort in shared}
    quotas = Quotas(
        near,
        {cohort.name: cohort for cohort in map(read_cohort, listed["cohorts"])},
        {flavor.name: flavor for flavor in map(read_flavor, listed["resourceflavors"])},
    )
    claims = _read_claims(api, local, near, unseen)
    return Queues(api.namespace, local, quotas, tuple(claims), tuple(unseen))


def _seen(api: Api, kind: str, unseen: list[str]) -> list[Any]:
    try:
        return list(api.get(kind)["items"])
    except ClusterRefused as error:
        if error.status != FORBIDDEN:
            raise
        unseen.append(f"{kind} of the cluster")
        return []


def _read_claims(api: Api, local: Mapping[str, str], teams: Mapping[str, Any], unseen: list[str]) -> list[Claim]:
    try:
        workloads = api.everywhere("workloads")
    except ClusterRefused as error:
        if error.status != FORBIDDEN:
            raise
        unseen.append("which runs of other teams hold or want GPUs")
        workloads = api.get("workloads")["items"]
    places = {(api.namespace, name): place for queue in local for name, place in _places(api, queue).items()}
    claims = [read_claim(workload, local if workload["metadata"]["namespace"] == api.namespace else {}) for workload in workloads]
    mine = [claim for claim in claims if claim.namespace == api.namespace or claim.team in teams]
    return with_places(mine, places)


def _places(api: Api, queue: str) -> dict[str, int]:
    """By Kueue's visibility server, which may be absent or closed to us."""
    try:
        return api.places(queue)
    except ClusterRefused as error:
        if error.status not in (FORBIDDEN, MISSING):
            raise
        return {}


def with_places(claims: Sequence[Claim], known: Mapping[tuple[str, str], int]) -> list[Claim]:
    """Claims with their places in line: those that Kueue tells, else by priority and age, which is how Kueue sorts."""
    lines: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        if claim.is_waiting:
            lines.setdefault((claim.team, "" if claim.team else claim.namespace), []).append(claim)
    places = dict(known)
    for line in lines.values():
        for place, claim in enumerate(sorted(line, key=lambda claim: (-claim.priority, claim.made)), 1):
            places.setdefault((claim.namespace, claim.name), place)
    return [replace(claim, place=places[claim.namespace, claim.name]) if claim.is_waiting else claim for claim in claims]


def read_claim(workload: Object, local: Mapping[str, str]) -> Claim:
    """A Workload as the API has it; `local` says which team a queue of its namespace belongs to."""
    metadata, spec, status = workload["metadata"], workload["spec"], workload.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    first = spec["podSets"][0] if spec.get("podSets") else {"template": {"spec": {}}}
    pod, pods = first["template"]["spec"], int(first.get("count") or 1)
    owner = next((each["name"] for each in metadata.get("ownerReferences") or ()), metadata["name"])
    admission = status.get("admission") or {}
    run, step = named(pod)
    granted = _when(conditions, "QuotaReserved")
    finished = _when(conditions, "Finished")
    queue = str(spec.get("queueName") or "")
    return Claim(
        name=metadata["name"],
        namespace=metadata["namespace"],
        queue=queue,
        team=str(admission.get("clusterQueue") or local.get(queue, "")),
        pod=owner,
        run=run,
        step=step,
        priority=int(spec.get("priority") or 0),
        ask=asked(pod, pods),
        held=_held(admission),
        made=_seconds(metadata["creationTimestamp"]),
        since=granted,
        ended=finished,
        says=_says(conditions),
    )


def named(pod: Object) -> tuple[str, str]:
    """Run and step of a pod by its command line; empty, and `teacher`, for the pod of a teacher."""
    for container in pod.get("containers") or ():
        args = [str(arg) for arg in container.get("args") or ()]
        if container.get("name") == "main" and "step" in args and "--run" in args[:-1]:
            # the command line may have Argo's executor and its arguments before it
            begin = args.index("step")
            return args[args.index("--run") + 1], args[begin + 2] if len(args) > begin + 2 else ""
        if container.get("name") == "teacher":
            return "", "teacher"
    return "", ""


def _held(admission: Object) -> dict[Cell, float]:
    held: dict[Cell, float] = {}
    for part in admission.get("podSetAssignments") or ():
        for resource, amount in (part.get("resourceUsage") or {}).items():
            cell = (str((part.get("flavors") or {}).get(resource, "")), resource)
            if resource not in EVERYWHERE and cell[0]:
                held[cell] = held.get(cell, 0.0) + size(str(amount))
    return held


def _says(conditions: Mapping[str, Object]) -> str:
    for name in ("QuotaReserved", "Admitted"):
        if (condition := conditions.get(name)) and condition["status"] != "True":
            return str(condition.get("message") or "")
    return ""


def _when(conditions: Mapping[str, Object], name: str) -> float | None:
    condition = conditions.get(name)
    return _seconds(condition["lastTransitionTime"]) if condition and condition["status"] == "True" else None


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def waits(queues: Queues) -> dict[str, str]:
    """For the pods of the namespace that wait for quota: why, in a line that changes only when something changed."""
    lines: dict[str, int] = {}
    for claim in queues.waiting:
        lines[claim.team] = lines.get(claim.team, 0) + 1
    return {
        claim.pod: f"place {claim.place} of {lines[claim.team]} in queue {claim.queue} for {claim.wants}: {claim.why or 'just come'}"
        for claim in queues.waiting
        if claim.namespace == queues.namespace
    }


def is_held(pod: Object) -> bool:
    """Whether a pod waits for Kueue."""
    return any(gate.get("name") == GATE for gate in (pod.get("spec") or {}).get("schedulingGates") or ())
