"""`nemoflow queue`: what I wait for, who holds what, and what would let me in."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
import orjson

from nemoflow.argo.outlook import End, ends, gpus, lets_in, spell
from nemoflow.argo.queues import Claim, Queues, read_queues
from nemoflow.argo.quota import Quotas, number
from nemoflow.argo.share import Share, share, to_svg
from nemoflow.cli.cluster import CLUSTER, DEFAULT_CLUSTER, NAMESPACE, open_api, root_of
from nemoflow.cli.options import ROOT
from nemoflow.errors import NemoflowError
from nemoflow.flow.past import read_past, typical
from nemoflow.store import open_store

BINS = 48


@click.command()
@click.argument("run", required=False)
@CLUSTER
@NAMESPACE
@ROOT
@click.option("--hours", type=click.FloatRange(min=0.1, max=24 * 90), default=24.0, show_default=True, help="How far back the shares go.")
@click.option("--chart", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="FILE.svg", help="Draw the shares, too.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def queue(
    run: str | None, cluster_file: Path | None, namespace: str | None, root: str | None, hours: float, chart: Path | None, as_json: bool
) -> None:
    """Say what waits for quota and why, who holds it, and what would let in what waits; with RUN, what waits of that run.

    Ends are estimated from how long the same step took before, under --root or the cluster file's, or from what its team has run.
    """
    api = open_api(cluster_file, namespace)
    queues = read_queues(api)
    now = time.time()
    expected = ends(queues, _typical(queues, root, cluster_file))
    shared = _share(queues, now, hours)
    if chart:
        chart.write_text(to_svg(shared, _quota(queues)), encoding="utf-8")
    if as_json:
        click.echo(orjson.dumps(_as_json(queues, expected, run, now), option=orjson.OPT_INDENT_2))
        return
    for line in _lines(queues, expected, shared, run, now):
        click.echo(line)


def _typical(queues: Queues, root: str | None, cluster_file: Path | None) -> dict[str, float]:
    """Seconds of our own steps, as the bucket has them; a bucket that cannot be read is said and does not stop the rest."""
    steps = {claim.step for claim in queues.holding if claim.namespace == queues.namespace and claim.run}
    if not steps or not (root or cluster_file or DEFAULT_CLUSTER.is_file()):
        return {}
    try:
        past = read_past(open_store(root_of(root, cluster_file or (DEFAULT_CLUSTER if not root else None))), steps)
    except NemoflowError as error:
        click.echo(f"no estimates from earlier runs: {error}", err=True)
        return {}
    return {step: seconds for step, done in past.items() if (seconds := typical(done)) is not None}


def _share(queues: Queues, now: float, hours: float) -> Share:
    known = [claim.since for claim in queues.claims if claim.since is not None]
    begin = max(now - hours * 3600, min(known, default=now - 60))
    return share(queues.claims, queues.quotas.teams, min(begin, now - 60), now, BINS)


def _quota(queues: Queues) -> float:
    return sum(team.cells[cell].nominal for team in queues.quotas.teams.values() for cell in queues.gpu_cells if cell in team.cells)


def _lines(queues: Queues, expected: dict[str, End], shared: Share, run: str | None, now: float) -> Iterator[str]:
    yield from _quotas(queues)
    yield from _holders(queues, expected, now)
    yield from _waiters(queues, expected, run, now)
    if queues.quotas.teams:
        begin, quota = datetime.fromtimestamp(shared.begin), _quota(queues)
        yield ""
        yield f"GPUs held since {begin:%d %b %H:%M}, as far as Kueue remembers; a full block is all {number(quota)}"
        yield from (f"  {line}" for line in shared.lines(quota))
    if queues.unseen:
        yield f"not looked at, for want of the right to: {', '.join(queues.unseen)}"


def _quotas(queues: Queues) -> Iterator[str]:
    mine = ", ".join(f"{queue} (quota of {team})" for queue, team in sorted(queues.local.items())) or "none"
    yield f"namespace {queues.namespace}: queues {mine}"
    quotas = queues.quotas
    for team in quotas.teams.values():
        cohort = f" in {team.cohort}" if team.cohort else ""
        yield f"{team.name}{cohort}:" + (f" lets nobody in: {team.trouble}" if team.trouble else "")
        yield from (f"  {_cell(quotas, team.name, cell)}" for cell in queues.gpu_cells if cell in team.cells)


def _cell(quotas: Quotas, name: str, cell: tuple[str, str]) -> str:
    team = quotas.teams[name]
    used, borrowed = team.used.get(cell, 0.0), team.borrowed(cell)
    held = f"holds {number(used)}" + (f", {number(borrowed)} of it borrowed" if borrowed else "")
    return (
        f"{cell[0]:<16} {number(team.cells[cell].nominal)} {cell[1]} of its own; {held}; "
        f"free for it now {number(max(0.0, quotas.free(name, cell)))}, at the most it could have {number(quotas.most(name, cell))}"
    )


def _holders(queues: Queues, expected: dict[str, End], now: float) -> Iterator[str]:
    holding = [claim for claim in queues.holding if claim.held]
    yield ""
    yield "who holds GPUs" if holding else "nobody that may be seen holds GPUs"
    for claim in holding:
        end = expected[claim.name]
        until = f"ends in about {spell(max(0.0, end.at - now))} ({end.basis})" if end.at else f"no telling when it ends ({end.basis})"
        yield (
            f"  {claim.team:<12} {gpus(claim.held):<14} {claim.what} since {_clock(claim.since)} ({spell(now - (claim.since or now))}), "
            f"priority {claim.priority}; {until}"
        )


def _waiters(queues: Queues, expected: dict[str, End], run: str | None, now: float) -> Iterator[str]:
    waiting = [claim for claim in queues.waiting if run is None or claim.run == run]
    yield ""
    yield "who waits" if waiting else f"nothing of run {run} waits for quota" if run else "nobody waits"
    for claim in waiting:
        yield (
            f"  {claim.team or claim.queue:<12} place {claim.place}: {claim.what} for {claim.wants} since {_clock(claim.made)} "
            f"({spell(now - claim.made)}), priority {claim.priority}"
        )
        yield f"  {'':<12} why: {claim.why or 'just come'}"
        yield f"  {'':<12} what would let it in: {lets_in(queues, claim, expected, now)}"


def _clock(at: float | None) -> str:
    return datetime.fromtimestamp(at or 0.0).strftime("%H:%M:%S")


def _as_json(queues: Queues, expected: dict[str, End], run: str | None, now: float) -> dict[str, object]:
    def entry(claim: Claim) -> dict[str, object]:
        return {
            "team": claim.team,
            "namespace": claim.namespace,
            "queue": claim.queue,
            "pod": claim.pod,
            "run": claim.run,
            "step": claim.step,
            "priority": claim.priority,
            "wants": claim.ask.gpus or dict(claim.ask.amounts),
        }

    quotas = queues.quotas
    return {
        "namespace": queues.namespace,
        "queues": dict(queues.local),
        "teams": {
            name: [
                {
                    "flavor": cell[0],
                    "resource": cell[1],
                    "nominal": limits.nominal,
                    "used": team.used.get(cell, 0.0),
                    "borrowed": team.borrowed(cell),
                    "free": max(0.0, quotas.free(name, cell)),
                    "most": quotas.most(name, cell),
                }
                for cell, limits in team.cells.items()
                if cell in queues.gpu_cells
            ]
            for name, team in quotas.teams.items()
        },
        "holding": [
            {**entry(claim), "since": claim.since, "held": {flavor: amount for (flavor, _), amount in claim.held.items()}}
            | {"ends": expected[claim.name].at, "basis": expected[claim.name].basis}
            for claim in queues.holding
        ],
        "waiting": [
            {**entry(claim), "since": claim.made, "place": claim.place, "why": claim.why}
            | {"lets_in": lets_in(queues, claim, expected, now)}
            for claim in queues.waiting
            if run is None or claim.run == run
        ],
        "unseen": list(queues.unseen),
    }
