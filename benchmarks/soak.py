"""Runs of the demo's pipeline on the cluster of `make cluster`, disturbed by chance again and again: what is lost, doubled, leaked?

    benchmarks/soak.py --disturbances 200 --streams 3 --seed 1 --state soak.jsonl

So many streams of runs go on at once, each run in a release of its own; what befalls the store, a controller or the API server is felt
by all of them. Nothing else may run on that cluster, or name with --kinds those disturbances that only one run feels. Each run is a line
of the state file; called again with it, the soak goes on. Ends with 1 where a row was lost, doubled or altered, or a teacher was up for
more than two minutes after its run.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.cluster.pipeline_run import STORM, TEACHER, PipelineRun, balance, cluster_file, undisturbed
from tests.cluster.release import Release
from tests.cluster.tool import disturb, life
from tests.cluster.tool.shell import Failure

SETS = '{"make-problems.train": {"numeral": 150, "unit": 150}, "harvest.commit_rows": 10, "train.epochs": 1}'
PER_RUN = 20
AWAY_S = 12
LEAK_S = 120
MOST_SUBMITS = 20
RUN_S = 1800
OWN = ("pod-deleted", "pod-killed", "teacher-killed", "submitter-killed", "workflow-stopped", "workflow-deleted")
SHARED = ("store-crashed", "argo-replaced", "argo-crashed", "kueue-replaced", "api-away")
TALK = threading.Lock()
"""Held by a stream that asks the cluster something, or takes the API server away: the soak's own questions are not to be disturbed."""


@dataclass
class Soak:
    """A release, a run in it, and its submitter."""

    run: PipelineRun
    submitter: subprocess.Popen[str]
    dice: random.Random

    def do(self, kind: str) -> str:
        """Disturb; what was hit, empty where there was nothing to hit."""
        acts: dict[str, Callable[[], str]] = {
            "pod-deleted": lambda: self._pod(),
            "pod-killed": lambda: self._pod("--grace-period=0", "--force"),
            "teacher-killed": self._teacher,
            "submitter-killed": self._submitter,
            "workflow-stopped": lambda: self.run.nemoflow("stop", self.run.run, "--namespace", self.run.release.namespace).stdout.strip(),
            "workflow-deleted": self._workflow,
            "store-crashed": lambda: disturb.crash("minio"),
            "argo-crashed": lambda: disturb.crash("argo"),
            "argo-replaced": lambda: disturb.replace("argo"),
            "kueue-replaced": lambda: disturb.replace("kueue"),
            "api-away": _away,
        }
        try:
            return acts[kind]()
        except Failure:
            if kind in SHARED and kind != "api-away":
                return ""  # it is down already, by another stream's doing
            raise

    def _pod(self, *options: str) -> str:
        pods = self.run.api.items("pods", {"nemoflow/run": self.run.run})
        names = sorted(pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running")
        if not names:
            return ""
        name = self.dice.choice(names)
        self.run.release.kubectl("delete", "pod", name, "--wait=false", *options, check=False)
        return str(name)

    def _teacher(self) -> str:
        found = self.run.release.get("pods", "-l", "app.kubernetes.io/component=teacher")
        for pod in found[:1]:
            self.run.release.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false", "--grace-period=0", "--force", check=False)
        return str(found[0]["metadata"]["name"]) if found else ""

    def _submitter(self) -> str:
        self.submitter.send_signal(signal.SIGKILL)
        return f"process {self.submitter.pid}"

    def _workflow(self) -> str:
        return self.run.release.kubectl("delete", "workflows", "-l", f"nemoflow/run={self.run.run}", "--wait=false").stdout.strip()


def _away() -> str:
    with disturb.api_server_away():
        time.sleep(AWAY_S)
    return f"for {AWAY_S} s"


def main() -> int:
    """Soak until so many disturbances are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--disturbances", type=int, default=200)
    parser.add_argument("--streams", type=int, default=1, help="runs at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=Path("soak.jsonl"))
    parser.add_argument("--kinds", nargs="+", choices=[*OWN, *SHARED], default=[*OWN, *SHARED])
    args = parser.parse_args()
    done = [json.loads(line) for line in args.state.read_text().splitlines()] if args.state.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(args.state, args.disturbances, done)
        given = undisturbed(STORM, Path(folder) / "quiet", SETS)
        with ThreadPoolExecutor(args.streams) as pool:
            streams = [pool.submit(_stream, plan, args.seed, args.kinds, given, Path(folder)) for _ in range(args.streams)]
            for stream in streams:
                stream.result()
    return _table(done)


@dataclass
class Plan:
    """Who does which run; shared by the streams."""

    state: Path
    disturbances: int
    done: list[dict[str, Any]]
    at: int = -1
    """Number of the run that was given out last."""
    promised: int = 0
    """Disturbances of runs that are at work."""
    is_broken: bool = False
    """A stream met what it cannot go on from: no further run begins."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> tuple[int, int] | None:
        """Number of the next run, and how often to disturb it; None: enough."""
        with self.lock:
            left = self.disturbances - self.promised - sum(len(row["disturbances"]) for row in self.done)
            count = min(left, PER_RUN)
            if count <= 0 or self.is_broken:
                return None
            self.promised += count
            taken = {row["run"] for row in self.done}
            self.at = next(n for n in range(self.at + 1, 10**6) if f"soak-{n}" not in taken)
            return self.at, count

    def add(self, row: dict[str, Any], count: int) -> None:
        """Note a run that was promised `count` disturbances."""
        with self.lock:
            self.promised -= count
            self.done.append(row)
            with self.state.open("a") as file:
                file.write(json.dumps(row) + "\n")


def _stream(plan: Plan, seed: int, kinds: list[str], given: dict[str, str], folder: Path) -> None:
    """One run after the other until all disturbances are given out."""
    while turn := plan.next():
        index, count = turn
        (folder / str(index)).mkdir()
        try:
            plan.add(_one(index, seed, count, kinds, given, folder / str(index)), count)
        except BaseException as error:
            print(f"soak-{index}: {error}", flush=True)  # at once: the other streams go on to the end of their runs
            plan.is_broken = True
            raise


def _one(index: int, seed: int, count: int, kinds: list[str], given: dict[str, str], folder: Path) -> dict[str, Any]:
    """One run in a release of its own, disturbed `count` times or until it is done."""
    dice = random.Random(f"{seed}/{index}")
    known = life.environment()
    environment = {**os.environ, **known, "PATH": known["PATH"].replace("$PATH", os.environ["PATH"])}
    with TALK:
        disturb.wait_until_well()
        release = Release(environment)
    try:
        with TALK:
            disturb.wait_until_well()
            release.give_keys()
            release.install(teacher__solver=TEACHER)
        run = PipelineRun(release, cluster_file(release, folder), f"soak-{index}")
        begun = time.monotonic()
        disturbances, submits = _disturbed(run, dice, count, kinds)
        seconds, leak_s = round(time.monotonic() - begun), _leak_s(release)
        with TALK:
            disturb.wait_until_well()
            even = balance(run, given)
        row = {"run": run.run, "disturbances": disturbances, "submits": submits, "seconds": seconds, "rows": even.rows, "lost": even.lost}
        row |= {"doubled": even.doubled, "altered": even.altered, "leak_s": leak_s}
        print(f"soak-{index}: {submits} submits, {seconds} s; rows {even.rows}, lost {even.lost}, doubled {even.doubled}, leak {leak_s} s")
        return row
    finally:
        with TALK:
            disturb.wait_until_well()
            release.kubectl("delete", "namespace", release.namespace, "--wait=false")


def _disturbed(run: PipelineRun, dice: random.Random, count: int, kinds: list[str]) -> tuple[list[str], int]:
    """Submit, disturb, and submit again whatever did not end with 0, until the run is done."""
    happened: list[str] = []
    deadline = time.monotonic() + RUN_S
    for submits in range(1, MOST_SUBMITS + 1):
        code, said = _watched(Soak(run, run.submitting("--set", SETS), dice), happened, count, kinds, deadline)
        while code == -signal.SIGKILL or (code == 75 and "is at work" in said):
            code, said = _watched(Soak(run, run.following(), dice), happened, count, kinds, deadline)
            if code not in (0, -signal.SIGKILL):
                code, said = 75, ""  # what became of a run that somebody stopped or deleted is not for who looks on to say
        if code == 0:
            return happened, submits
        if code != 75:
            raise SystemExit(f"{run.run}: ended with {code} after {happened}:\n{said}")
        with TALK:
            disturb.wait_until_well()
    raise SystemExit(f"{run.run}: not done after {MOST_SUBMITS} submits, after {happened}")


def _watched(soak: Soak, happened: list[str], count: int, kinds: list[str], deadline: float) -> tuple[int, str]:
    """Disturb while a submitter, or who follows, is there; its exit code and what it said."""
    while soak.submitter.poll() is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"{soak.run.run}: not done within {RUN_S} s, after {happened}; it stays in {soak.run.release.namespace}")
        _nap(soak.submitter, soak.dice.uniform(2, 9))
        if len(happened) >= count or soak.submitter.poll() is not None:
            continue
        kind = soak.dice.choice(kinds)
        with TALK:
            hit = soak.do(kind)
        if hit:
            happened.append(kind)
            print(f"{soak.run.run}: {time.strftime('%H:%M:%S')} {kind}: {' '.join(hit.split())}", flush=True)
    return soak.submitter.wait(), soak.submitter.communicate()[0] or ""


def _nap(submitter: subprocess.Popen[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while submitter.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)


def _leak_s(release: Release) -> int:
    """Seconds that the teacher is still up after its run."""
    begun = time.monotonic()
    while _is_up(release) and time.monotonic() - begun < 5 * 60:
        time.sleep(1)
    return round(time.monotonic() - begun)


def _is_up(release: Release) -> bool:
    with TALK:
        return bool(release.get("deployments")[0]["spec"]["replicas"])


def _table(done: list[dict[str, Any]]) -> int:
    kinds = [kind for row in done for kind in row["disturbances"]]
    print(f"\n{len(kinds)} disturbances in {len(done)} runs")
    for kind in (*OWN, *SHARED):
        print(f"  {kind:<18} {kinds.count(kind)}")
    sums = {name: sum(row[name] for row in done) for name in ("rows", "lost", "doubled", "altered")}
    worst = max((row["leak_s"] for row in done), default=0)
    print(f"rows {sums['rows']}, lost {sums['lost']}, doubled {sums['doubled']}, altered {sums['altered']}; longest leak {worst} s")
    return int(bool(sums["lost"] or sums["doubled"] or sums["altered"] or worst > LEAK_S))


if __name__ == "__main__":
    sys.exit(main())
