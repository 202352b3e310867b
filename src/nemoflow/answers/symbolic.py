r"""Symbolic equality of answers, by Math-Verify in worker processes that can be killed.

    with SymbolicPool(workers=2) as pool:
        for finding in pool.compare([(r"\frac{1}{2}", "0.5"), ("5", "9^{9^{9^9}}")]):
            print(finding.verdict, finding.rule)      # right number, then unclear time-limit

A pair goes through the cheap steps first (`cheap.settle`), so that most never reach a worker. A pair that takes its process
down by time or memory is `unclear` with the reason, and the next pair gets a fresh process. Findings come in the order of the pairs.
"""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Literal, Self

from nemoflow.answers.cheap import settle
from nemoflow.answers.competition import NOT_FOUND
from nemoflow.answers.symbolic_worker import GOLD_UNREAD, OUT_OF_MEMORY
from nemoflow.errors import NemoflowError

READ_AHEAD = 16
"""Pairs taken in ahead of the oldest open one, a worker: what one slow pair may hold up."""

PATIENCE = 20
"""Wall time after which a worker is taken for stuck, in multiples of its CPU time: it only matters where it does not run at all."""

GRACE_S = 10
"""For a worker to end by itself once it was told to or its input has ended."""


@dataclass(frozen=True)
class Finding:
    """What became of one pair."""

    verdict: Literal["right", "wrong", "unclear"]
    rule: str
    """`exact`, `normalised`, `number` (cheap.py), what `forms.matching` compared as (`list`, `interval`, `words`, ...), `symbolic`,
    `time-limit`, `memory-limit`, `crash`, `no-answer`."""
    reason: str = ""


class SymbolicPool:
    """Compares (gold, predicted) pairs; a context manager that leaves no process behind."""

    def __init__(self, workers: int = 1, timeout_s: float = 5.0, memory_mb: int = 1024) -> None:
        self._limit, self._timeout_s, self._memory_mb = max(1, workers), timeout_s, memory_mb
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        while self._workers:
            self._workers.pop().end()

    def verify(self, gold: str, predicted: str | None) -> Finding:
        """One pair."""
        [finding] = self.compare([(gold, predicted)])
        return finding

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> Iterator[Finding]:
        """One finding a pair, in order, while later pairs are already at work."""
        source, opened, queue = iter(pairs), deque[_Pair](), deque[_Pair]()
        try:
            while True:
                for taken in islice(source, READ_AHEAD * self._limit - len(opened)):
                    pair = _Pair(*taken)
                    opened.append(pair)
                    if pair.finding is None:
                        queue.append(pair)
                if not opened:
                    return
                self._feed(queue)
                while opened and (finding := opened[0].finding) is not None:
                    opened.popleft()
                    yield finding
                if opened:
                    self._collect(queue)
        finally:
            for worker in [worker for worker in self._workers if worker.pair is not None]:
                self._bury(worker)

    def _feed(self, queue: "deque[_Pair]") -> None:
        for worker in self._workers:
            if queue and worker.pair is None:
                worker.take(queue.popleft())
        while queue and len(self._workers) < self._limit:
            worker = _Worker(self._timeout_s, self._memory_mb)
            self._workers.append(worker)
            worker.take(queue.popleft())

    def _collect(self, queue: "deque[_Pair]") -> None:
        """Wait for the next answers; a pair whose worker died goes back to the head of the queue, or becomes unclear."""
        busy = [worker for worker in self._workers if worker.pair is not None]
        with selectors.DefaultSelector() as selector:
            for worker in busy:
                selector.register(worker.output, selectors.EVENT_READ, worker)
            patience = min(worker.deadline for worker in busy) - time.monotonic()
            ready = [key.data for key, _ in selector.select(max(0.0, patience))]
        for worker in busy:
            pair = worker.pair
            assert pair is not None
            status = worker.read() if worker in ready else None
            if worker.is_over or worker.deadline <= time.monotonic():
                status = self._bury(worker)
            if status is not None and pair.finding is None:
                pair.deaths += 1
                pair.finding = _obituary(status, pair.deaths, self._timeout_s, self._memory_mb)
                if pair.finding is None:
                    queue.appendleft(pair)

    def _bury(self, worker: "_Worker") -> int:
        self._workers.remove(worker)
        return worker.end()


_COMPUTED = re.compile(
    r"\\(?:i*int|oint|lim|sum|prod|begin|det|nabla|partial|frac\s*\{\s*(?:d|\\mathrm\{d\})\s*\}|binom|over|mathbb|Re|Im)(?![a-z])"
)


class _Pair:
    """A pair on its way; `finding` is None while it waits for a worker, `deaths` counts the workers that ended over it."""

    def __init__(self, gold: str, predicted: str | None) -> None:
        self.gold, self.predicted = gold, predicted or ""
        self.finding = self._cheaply()
        self.deaths = 0

    def _cheaply(self) -> Finding | None:
        if self.predicted.strip() in ("", NOT_FOUND):
            return Finding("wrong", "no-answer")
        settled = settle(self.gold, self.predicted)
        return None if settled is None else Finding("right" if settled[0] else "wrong", settled[1])


class _Worker:
    """One process. It is started by its own command, not by multiprocessing: no import of the caller's main module, no fork."""

    def __init__(self, timeout_s: float, memory_mb: int) -> None:
        self._timeout_s = timeout_s
        # -P: a file such as `token.py` in the working folder must not shadow a module; -W: sympy's warnings are not the user's.
        command = [sys.executable, "-P", "-W", "ignore", "-m", "nemoflow.answers.symbolic_worker", str(timeout_s), str(memory_mb)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self.output = self._process.stdin, self._process.stdout
        self.pair: _Pair | None = None
        self.deadline = 0.0
        self.is_over = self._is_ready = False
        self._buffer = b""

    def take(self, pair: _Pair) -> None:
        """Send it a pair; a worker that has just died is noticed when it is read."""
        self.pair = pair
        self.deadline = time.monotonic() + PATIENCE * self._timeout_s + 60
        line = json.dumps({"gold": pair.gold, "predicted": pair.predicted}).encode() + b"\n"
        with suppress(BrokenPipeError):
            while line:
                line = line[self._input.write(line) or 0 :]

    def read(self) -> int | None:
        """Take in what it wrote; the exit status of its child where its pair took that down."""
        chunk = os.read(self.output.fileno(), 65536)
        self.is_over = not chunk
        died = None
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for message in map(json.loads, lines):
            if not self._is_ready:
                self._is_ready = True
                continue
            assert self.pair is not None
            died = message.get("died")
            if died is None:
                otherwise: Literal["wrong", "unclear"] = "unclear" if message["reason"] == GOLD_UNREAD else "wrong"
                is_right = message["right"] and _has_to_be_computed(self.pair.gold, self.pair.predicted)
                self.pair.finding = Finding("right" if is_right else otherwise, "symbolic", message["reason"])
            self.pair = None
        return died

    def end(self) -> int:
        """End it where it still runs, collect it and return its exit status."""
        if self.pair is not None and not self.is_over:
            self._process.terminate()
        self._input.close()
        self.output.close()
        with suppress(subprocess.TimeoutExpired):
            return self._checked(self._process.wait(GRACE_S))
        self._process.kill()
        return self._checked(self._process.wait())

    def _checked(self, status: int) -> int:
        if not self._is_ready and status > 0:
            raise NemoflowError(f"the process for symbolic comparison did not start (exit status {status}); its message is above")
        return status


def _has_to_be_computed(gold: str, predicted: str) -> bool:
    """Whether a pair holds what the reader leaves to computer algebra; of other texts that passes over what it does not know."""
    return any(_COMPUTED.search(side) for side in (gold, predicted))


def _obituary(status: int, deaths: int, timeout_s: float, memory_mb: int) -> Finding | None:
    """Why a pair's worker died; None where the pair gets another, since a first death may be the doing of others."""
    if status == -signal.SIGPROF:
        return Finding("unclear", "time-limit", f"not decided within {timeout_s:g} s of CPU time")
    if deaths < 2:
        return None
    if status == OUT_OF_MEMORY:
        return Finding("unclear", "memory-limit", f"not decided within {memory_mb} MiB of memory")
    return Finding("unclear", "crash", f"the comparing process ended with status {status}")
