"""Outlook: when those who hold quota will be done, and what would let in those who wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from nemoflow.argo.queues import Claim, Queues
from nemoflow.argo.quota import Cell, Quotas, number


@dataclass(frozen=True)
class End:
    """When a claim is expected to be over."""

    at: float | None
    """Seconds since 1970; None where nothing is known."""
    basis: str
    """From what that was concluded."""


def ends(queues: Queues, typical: Mapping[str, float]) -> dict[str, End]:
    """For everything that holds quota, by the name of its Workload.

    `typical` has the seconds that steps of our own took before; for those of others, their Workloads that are over tell.
    """
    return {claim.name: _end(claim, queues, typical) for claim in queues.holding}


def _end(claim: Claim, queues: Queues, typical: Mapping[str, float]) -> End:
    assert claim.since is not None, "holding"
    if claim.namespace == queues.namespace and claim.step in typical:
        return End(claim.since + typical[claim.step], f"{claim.step} took {spell(typical[claim.step])} before")
    earlier = [
        each.ended - each.since
        for each in queues.claims
        if each.ended is not None and each.since is not None and (each.team, each.step) == (claim.team, claim.step) and each.step
    ]
    if not earlier:
        return End(None, "nothing like it has ended here")
    return End(claim.since + median(earlier), f"{len(earlier)} of {claim.team} took {spell(median(earlier))} before")


def lets_in(queues: Queues, claim: Claim, expected: Mapping[str, End], now: float) -> str:
    """What would let a waiting claim in, in words."""
    quotas, team = queues.quotas, claim.team
    if team not in quotas.teams:
        return "the quota is not to be seen; ask who may look"
    if trouble := quotas.teams[team].trouble:
        return f"its queue lets nobody in: {trouble}"
    if never := quotas.obstacles(team, claim.ask):
        return "nothing: " + "; ".join(never)
    options = [found for cell in _cells(quotas, claim) if (found := _after(queues, claim, cell, expected)) is not None]
    if not options:
        return "others giving back what they hold, or more quota"
    gone = min(options, key=lambda gone: (len(gone), _last(gone, expected)))
    if not gone:
        return "there is room; " + ("those before it in line go first" if (claim.place or 1) > 1 else "Kueue lets it in at any moment")
    return "the end of " + ", and of ".join(f"{each.what} ({each.team}, {_when(expected.get(each.name), now)})" for each in gone)


def _cells(quotas: Quotas, claim: Claim) -> list[Cell]:
    """Where its GPUs may come from."""
    found = []
    for group in quotas.teams[claim.team].groups:
        for flavor, limits in group.items():
            found += [(flavor, name) for name in claim.ask.gpus if name in limits and not quotas.refusal(flavor, group, claim.ask)]
    return found


def _after(queues: Queues, claim: Claim, cell: Cell, expected: Mapping[str, End]) -> list[Claim] | None:
    """Who has to end, the first to end first, until there is enough in a cell; None where it never is by what is known."""
    wanted = claim.ask.gpus[cell[1]]
    quotas = queues.quotas
    gone: list[Claim] = []
    holders = [each for each in queues.holding if cell in each.held and each.team in quotas.teams]
    for each in sorted(holders, key=lambda each: expected.get(each.name, End(None, "")).at or float("inf")):
        if quotas.free(claim.team, cell) >= wanted:
            return gone
        quotas = _without(quotas, each, cell)
        gone.append(each)
    return gone if quotas.free(claim.team, cell) >= wanted else None


def _without(quotas: Quotas, claim: Claim, cell: Cell) -> Quotas:
    team = quotas.teams[claim.team]
    used = {**team.used, cell: team.used.get(cell, 0.0) - claim.held[cell]}
    return replace(quotas, teams={**quotas.teams, team.name: replace(team, used=used)})


def _last(gone: Sequence[Claim], expected: Mapping[str, End]) -> float:
    return max((expected.get(each.name, End(None, "")).at or float("inf") for each in gone), default=0.0)


def _when(end: End | None, now: float) -> str:
    if end is None or end.at is None:
        return f"no telling when: {end.basis if end else 'nothing is known of it'}"
    return f"in about {spell(end.at - now)}: {end.basis}" if end.at > now else f"overdue by {spell(now - end.at)}: {end.basis}"


def spell(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`, `2.0 d`."""
    for size, unit, digits in ((86400.0, "d", 1), (3600.0, "h", 1), (60.0, "min", 0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


def gpus(held: Mapping[Cell, float]) -> str:
    """`2 h100`; the resource is named where a flavor has several."""
    return ", ".join(f"{number(amount)} {flavor}" for (flavor, _), amount in sorted(held.items())) or "none"
