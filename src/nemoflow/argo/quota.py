"""Quota as Kueue counts it: what a queue can ever admit, what is free for it now, what stands in the way of a pod.

The sums are those of Kueue's own tree of quotas (`pkg/cache/scheduler/resource_node.go` of 0.18): a ClusterQueue keeps what it does not
lend, puts the rest into its Cohort, and may take from there up to its borrowing limit; Cohorts may have Cohorts above them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nemoflow.argo.cluster import size

Object = Mapping[str, Any]
Cell = tuple[str, str]
"""A flavor and a resource, such as ("h100", "nvidia.com/gpu")."""
EVERYWHERE = ("cpu", "memory")
"""Resources of every node, of which nobody waits for a place."""


@dataclass(frozen=True)
class Limits:
    """Quota of one cell."""

    nominal: float = 0.0
    borrowing: float | None = None
    """None: as much as there is."""
    lending: float | None = None
    """None: all of it."""

    @property
    def kept(self) -> float:
        """What is never lent."""
        return 0.0 if self.lending is None else max(0.0, self.nominal - self.lending)


@dataclass(frozen=True)
class Flavor:
    """A kind of node."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Object, ...] = ()
    tolerations: tuple[Object, ...] = ()


@dataclass(frozen=True)
class Team:
    """A ClusterQueue: whose quota it is, and how much of it is taken."""

    name: str
    cohort: str
    groups: tuple[Mapping[str, Mapping[str, Limits]], ...]
    """For each group of resources: flavor, in the order of trying, to resource to limits."""
    used: Mapping[Cell, float] = field(default_factory=dict)
    trouble: str = ""
    """Why it admits nothing at all, in Kueue's words; empty where it is well."""

    @cached_property
    def cells(self) -> dict[Cell, Limits]:
        """All its limits."""
        return {
            (flavor, resource): limits
            for group in self.groups
            for flavor, resources in group.items()
            for resource, limits in resources.items()
        }

    def borrowed(self, cell: Cell) -> float:
        """What it holds of others'."""
        return max(0.0, self.used.get(cell, 0.0) - self.cells.get(cell, Limits()).nominal)


@dataclass(frozen=True)
class Cohort:
    """Teams that lend to each other."""

    name: str
    parent: str = ""
    cells: Mapping[Cell, Limits] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """What a pod wants, and which nodes it accepts."""

    amounts: Mapping[str, float]
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Object, ...] = ()

    @property
    def gpus(self) -> dict[str, float]:
        """Without what every node has."""
        return {resource: amount for resource, amount in self.amounts.items() if resource not in EVERYWHERE}


@dataclass(frozen=True)
class Quotas:
    """All that bears on who may have what."""

    teams: Mapping[str, Team]
    cohorts: Mapping[str, Cohort] = field(default_factory=dict)
    flavors: Mapping[str, Flavor] = field(default_factory=dict)

    def most(self, team: str, cell: Cell) -> float:
        """What a team could have of a cell if nobody else had anything."""
        mine = self.teams[team]
        return self._most(mine.cells.get(cell, Limits()), mine.cells.get(cell, Limits()).nominal, mine.cohort, cell)

    def free(self, team: str, cell: Cell) -> float:
        """What a team could have beside what it has, sending nobody away."""
        mine = self.teams[team]
        return self._free(
            mine.cells.get(cell, Limits()), mine.cells.get(cell, Limits()).nominal, mine.used.get(cell, 0.0), mine.cohort, cell
        )

    def obstacles(self, team: str, ask: Ask) -> list[str]:
        """Why a team's queue can never admit a pod, a line a resource; empty where it can."""
        found = []
        for resource, amount in ask.amounts.items():
            group = next((group for group in self.teams[team].groups if any(resource in cells for cells in group.values())), None)
            if group is None:
                known = ", ".join(sorted({cell[1] for cell in self.teams[team].cells}))
                found.append(f"{resource}: the quota of {team} does not cover it; it covers {known}")
                continue
            fits = {flavor: self.most(team, (flavor, resource)) for flavor in group if not self.refusal(flavor, group, ask)}
            if not any(most >= amount for most in fits.values()):
                found.append(self._too_much(team, resource, amount, group, fits, ask))
        return found

    def refusal(self, flavor: str, group: Mapping[str, Any], ask: Ask) -> str:
        """Why a pod cannot go to nodes of a flavor; empty where it can. Only labels that some flavor of the group has are looked at."""
        known = {key for name in group for key in self.flavors.get(name, Flavor(name)).labels}
        mine = self.flavors.get(flavor, Flavor(flavor))
        for key, value in ask.node_selector.items():
            if key in known and mine.labels.get(key) != value:
                return f"its nodes have not {key} = {value}"
        for taint in mine.taints:
            stands = any(_tolerates(toleration, taint) for toleration in (*ask.tolerations, *mine.tolerations))
            if taint.get("effect") != "PreferNoSchedule" and not stands:
                return f"its nodes have the taint {taint['key']}, which the pod does not stand"
        return ""

    def _too_much(self, team: str, resource: str, amount: float, group: Mapping[str, Any], fits: Mapping[str, float], ask: Ask) -> str:
        parts = []
        for flavor in group:
            limits = self.teams[team].cells.get((flavor, resource), Limits())
            why = self.refusal(flavor, group, ask)
            most = self.most(team, (flavor, resource))
            lent = f", {number(most - limits.nominal)} of it borrowed" if most > limits.nominal else ""
            parts.append(f"{flavor}: {why}" if why else f"{flavor}: at most {number(most)}{lent}")
        right = f"at most {number(max(fits.values()))} is right" if any(fits.values()) else "another queue, or quota there, is right"
        return f"{resource}: {number(amount)} can never be had by {team} at once ({'; '.join(parts)}); {right}"

    def _below(self, cohort: str, cell: Cell) -> list[tuple[float, float]]:
        """What each child of a Cohort puts into it, and what it takes out."""
        found = []
        for team in self.teams.values():
            if team.cohort == cohort:
                limits = team.cells.get(cell, Limits())
                found.append((limits.nominal - limits.kept, max(0.0, team.used.get(cell, 0.0) - limits.kept)))
        for below in self.cohorts.values():
            if below.parent == cohort and below.name != cohort:
                limits, whole = below.cells.get(cell, Limits()), self._whole(below.name, cell)
                kept = _kept(limits, whole)
                taken = sum(taken for _, taken in self._below(below.name, cell))
                found.append((whole - kept, max(0.0, taken - kept)))
        return found

    def _whole(self, cohort: str, cell: Cell) -> float:
        own = self.cohorts.get(cohort, Cohort(cohort)).cells.get(cell, Limits()).nominal
        return own + sum(given for given, _ in self._below(cohort, cell))

    def _most(self, limits: Limits, whole: float, above: str, cell: Cell) -> float:
        if not above:
            return whole
        parent = self.cohorts.get(above, Cohort(above))
        there = self._most(parent.cells.get(cell, Limits()), self._whole(above, cell), parent.parent, cell)
        most = _kept(limits, whole) + there
        return most if limits.borrowing is None else min(most, whole + limits.borrowing)

    def _free(self, limits: Limits, whole: float, used: float, above: str, cell: Cell) -> float:
        if not above:
            return whole - used
        parent = self.cohorts.get(above, Cohort(above))
        taken = sum(taken for _, taken in self._below(above, cell))
        there = self._free(parent.cells.get(cell, Limits()), self._whole(above, cell), taken, parent.parent, cell)
        kept = _kept(limits, whole)
        if limits.borrowing is not None:
            there = min(there, whole - kept - max(0.0, used - kept) + limits.borrowing)
        return max(0.0, kept - used) + there


def _kept(limits: Limits, whole: float) -> float:
    return 0.0 if limits.lending is None else max(0.0, whole - limits.lending)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    return toleration.get("operator", "Equal") == "Exists" or (toleration.get("value") or "") == (taint.get("value") or "")


def number(amount: float) -> str:
    """`4`, `0.5`; what can only be memory as `80Gi`."""
    return f"{amount / 2**30:.4g}Gi" if amount >= 2**28 else f"{amount:g}"


def read_team(queue: Object) -> Team:
    """A ClusterQueue as the API has it."""
    spec, status = queue["spec"], queue.get("status") or {}
    active: Object = next((each for each in status.get("conditions") or () if each["type"] == "Active"), {})
    return Team(
        name=queue["metadata"]["name"],
        cohort=spec.get("cohortName") or "",
        groups=tuple(
            {flavor["name"]: {each["name"]: _limits(each) for each in flavor["resources"]} for flavor in group["flavors"]}
            for group in spec.get("resourceGroups") or ()
        ),
        used={
            (flavor["name"], each["name"]): size(str(each.get("total") or "0"))
            for flavor in status.get("flavorsReservation") or ()
            for each in flavor["resources"]
        },
        trouble="" if active.get("status", "True") == "True" else str(active.get("message") or "it is not active"),
    )


def read_cohort(cohort: Object) -> Cohort:
    """A Cohort as the API has it."""
    spec = cohort.get("spec") or {}
    cells = {
        (flavor["name"], each["name"]): _limits(each)
        for group in spec.get("resourceGroups") or ()
        for flavor in group["flavors"]
        for each in flavor["resources"]
    }
    return Cohort(cohort["metadata"]["name"], spec.get("parentName") or "", cells)


def read_flavor(flavor: Object) -> Flavor:
    """A ResourceFlavor as the API has it."""
    spec = flavor.get("spec") or {}
    return Flavor(
        flavor["metadata"]["name"],
        spec.get("nodeLabels") or {},
        tuple(spec.get("nodeTaints") or ()),
        tuple(spec.get("tolerations") or ()),
    )


def _limits(quota: Object) -> Limits:
    def limit(name: str) -> float | None:
        return None if quota.get(name) is None else size(str(quota[name]))

    return Limits(size(str(quota["nominalQuota"])), limit("borrowingLimit"), limit("lendingLimit"))


def asked(pod: Object, pods: int = 1) -> Ask:
    """What so many pods of a spec want: the sum over its containers; what is only limited is asked for, too."""
    amounts: dict[str, float] = {}
    for container in pod.get("containers") or ():
        resources = container.get("resources") or {}
        for name, amount in {**(resources.get("limits") or {}), **(resources.get("requests") or {})}.items():
            amounts[name] = amounts.get(name, 0.0) + pods * size(str(amount))
    return Ask(amounts, pod.get("nodeSelector") or {}, tuple(pod.get("tolerations") or ()))
