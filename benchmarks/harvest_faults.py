"""Claim: whatever fails, every row is harvested once, as the server's own log has it.

    python -m benchmarks.harvest_faults --data FOLDER         all distinct GSM8K and MATH problems, two samples each
    python -m benchmarks.harvest_faults --made 500 --kills 3  made-up problems, quicker

`nemoflow step harvest` runs as a user would type it, against a server that answers 5 % with 500, hangs in 2 %, talks nonsense in 1 %,
and dies again and again; the client is killed -9 ten times at random moments. The server writes each answer, which has a number of its
own, into a log before it leaves. At the end the log is joined with the rows. The clock is compressed: 50 ms an answer, 3 s to time out.
"""

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import orjson

from nemoflow.flow.scratch import StoredRows
from nemoflow.inference.keys import request_seed
from nemoflow.ports import free_port
from nemoflow.problems.catalog import read
from nemoflow.records import Problem, Trace
from nemoflow.store import open_store, read_rows

PROGRAM = Path(sys.executable).parent / "nemoflow"
RATES = "500=0.05,hang=0.02,garbage=0.01"
SAMPLES, IN_FLIGHT, DELAY_S, TIME_OUT_S = 2, 256, 0.05, 3.0
BAR_S = 20 * 60
FILES = (("gsm8k", "gsm8k_train"), ("gsm8k", "gsm8k_test"), ("math", "math_test_5000"), ("math", "math500"))
READY_S = 0.2


def real_problems(data: Path) -> list[Problem]:
    """Every distinct problem of the files, in their order."""
    found: dict[str, Problem] = {}
    for source, name in FILES:
        for problem in read(source, data / f"{name}.jsonl.gz"):
            found.setdefault(problem.id, problem)
    return list(found.values())


def made_problems(count: int) -> list[Problem]:
    """Sums."""
    return [Problem(id=f"p{i}", statement=f"What is {i} + {i}?", gold=str(2 * i), category="sum", source="made") for i in range(count)]


class MortalServer:
    """The server as a program that is started again whenever it has died."""

    def __init__(self, folder: Path, crash_after: int) -> None:
        self.port = free_port()
        self.log = folder / "server.jsonl"
        self.deaths = 0
        options = ["--rates", RATES, "--delay", str(DELAY_S), "--crash-after", str(crash_after)]
        self._command = [sys.executable, "-m", "tests.inference.fault_server", str(self.port), str(self.log), *options]
        self._over = Event()
        self._thread = Thread(target=self._keep_alive)

    def _keep_alive(self) -> None:
        while not self._over.is_set():
            process = subprocess.Popen(self._command)
            while process.poll() is None and not self._over.is_set():
                self._over.wait(0.05)
            self.deaths += not self._over.is_set()
            process.kill()
            process.wait()

    def __enter__(self) -> "MortalServer":
        self._thread.start()
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(READY_S)

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    rows: int
    given: int
    """Answers that the server gave."""
    kills: int
    deaths: int
    seconds: float
    wrong: tuple[str, ...]
    """What should not be, in words."""


def harvest_under_faults(problems: list[Problem], kills: int, folder: Path, seed: int = 0) -> Outcome:
    """Harvest, kill, harvest again until it is done, then join the rows with the log."""
    draw = random.Random(seed)
    begun = time.monotonic()
    (folder / "problems.jsonl").write_bytes(b"".join(problem.model_dump_json().encode() + b"\n" for problem in problems))
    with MortalServer(folder, crash_after=max(200, len(problems) * SAMPLES // 5)) as server:
        (folder / "endpoint").mkdir()
        (folder / "endpoint" / "endpoint.json").write_bytes(orjson.dumps({"url": f"http://127.0.0.1:{server.port}/v1", "model": "m"}))
        killed = 0
        while True:
            child = subprocess.Popen(_command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            kept = _lines(server.log)
            share = len(problems) * SAMPLES // (kills + 2) * draw.uniform(0.5, 1.2)
            while child.poll() is None and (killed >= kills or _lines(server.log) < kept + share):
                time.sleep(0.02)
            if child.poll() is None:
                time.sleep(draw.uniform(0, 0.3))
                child.send_signal(signal.SIGKILL)
                killed += 1
            if child.wait() == 0:
                break
        deaths = server.deaths
    wrong, rows, given = joined(problems, folder, server.log)
    return Outcome(rows, given, killed, deaths, time.monotonic() - begun, tuple(wrong))


def _command(folder: Path) -> list[str]:
    config = {
        "samples": SAMPLES,
        "concurrency": IN_FLIGHT,
        "concurrency_start": IN_FLIGHT,
        "total_timeout_s": TIME_OUT_S,
        "backoff_s": 0.2,
        "retries": 6,
        "commit_s": 2.0,
    }
    inputs = ["--input", f"problems={folder / 'problems.jsonl'}", "--input", f"endpoint={folder / 'endpoint'}"]
    return [str(PROGRAM), "step", "harvest", *inputs, "--set", orjson.dumps(config).decode(), "--root", str(folder / "root"), "--run", "r"]


def _lines(log: Path) -> int:
    """Answers so far; the log is read as bytes, since lines differ little in length and only its growth counts."""
    return log.read_bytes().count(b"\n") if log.exists() else 0


def joined(problems: list[Problem], folder: Path, log: Path) -> tuple[list[str], int, int]:
    """(what should not be, rows, answers given): each row is one of the answers that the log has for its request, and there once."""
    given: dict[tuple[str, int], list[str]] = defaultdict(list)
    for line in log.read_bytes().splitlines():
        prompt, seed, text = orjson.loads(line)
        given[prompt, seed].append(text)
    store = open_store(str(folder / "root"))
    rows = [row for entry in store.list("runs/r/harvest/traces") for row in read_rows(store, entry.key, Trace)]
    groups = {entry.key.split("/")[1] for entry in store.list("traces")}
    shelved = Counter(row["id"] for group in groups for row in StoredRows(store).read(group))
    wrong = []
    expected = [(problem.id, sample) for problem in problems for sample in range(SAMPLES)]
    if [(row.problem_id, row.sample) for row in rows] != expected:
        wrong.append(f"{len(rows)} rows, of {len({row.id for row in rows})} ids; right is {len(expected)}, in the order of the problems")
    strangers = [row.id for row in rows if row.response not in given[row.messages[-1].content, request_seed(0, row.sample)]]
    if strangers:
        wrong.append(f"{len(strangers)} rows hold no answer of the log, such as {strangers[0]}")
    if len({row.response for row in rows}) != len(rows):
        wrong.append("an answer stands in two rows")
    if shelved != Counter({row.id: 1 for row in rows}):
        wrong.append(f"{shelved.total()} rows in the parts, of {len(shelved)} ids, where each once is right")
    return wrong, len(rows), sum(map(len, given.values()))


def main() -> int:
    """Run, print, and return 1 where anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with gsm8k_train.jsonl.gz and so on")
    parser.add_argument("--made", type=int, default=0, help="so many made-up problems instead")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not (options.made or options.data):
        parser.error(f"--data FOLDER with {', '.join(f'{name}.jsonl.gz' for _, name in FILES)}, or --made 500")
    problems = made_problems(options.made) if options.made else real_problems(options.data)
    with tempfile.TemporaryDirectory() as folder:
        outcome = harvest_under_faults(problems, options.kills, Path(folder), options.seed)
    extra = outcome.given - outcome.rows
    print(f"{len(problems)} problems, {outcome.rows} rows, {outcome.given} answers given ({extra} of them lost on the way or to a kill)")
    print(f"{outcome.kills} kills of the client, {outcome.deaths} deaths of the server, {outcome.seconds:.0f} s (bar {BAR_S} s)")
    worst = (outcome.kills + outcome.deaths) * IN_FLIGHT
    wrong = list(outcome.wrong)
    if extra > worst + 0.05 * outcome.rows:
        wrong.append(f"{extra} answers were asked for in vain; {worst} were in flight at kills and deaths, and 5 % may have timed out")
    if outcome.seconds > BAR_S:
        wrong.append(f"took {outcome.seconds:.0f} s")
    print("\n".join(f"NOT MET: {what}" for what in wrong) or "met: every row once, by the server's log")
    return int(bool(wrong))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))
    sys.exit(main())
