"""The process that runs Math-Verify on one pair after another; `symbolic.SymbolicPool` starts, feeds and ends it.

    python -m nemoflow.answers.symbolic_worker SECONDS MEGABYTES

One JSON line in, one out. It imports Math-Verify once (about a second) and forks a child that compares; when a pair takes the child
down it says so and forks another, in milliseconds. The kernel ends the child when a pair has used up its CPU seconds: a handler in
Python would not run while sympy multiplies numbers of a million digits, and CPU time, unlike wall time, says the same on a busy
machine. So nothing outlives a parent that was killed by more than one pair's time.
"""

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

OUT_OF_MEMORY = 77
"""Exit status of a child that came near its memory limit."""

MEMORY_MARK = 0.75
"""Share of the limit from which "not equal" is not believed: Math-Verify swallows a MemoryError and says "not equal"."""

GOLD_UNREAD = "the gold answer does not parse as mathematics"
"""Reason that leaves a pair unclear: nothing could have been right."""

Compare = Callable[[str, str], tuple[bool, str]]


def load() -> Compare:
    """Import Math-Verify and return the comparison; its own time limits are off, as they are SIGALRM in the main thread."""
    from math_verify import LatexExtractionConfig, parse, verify

    logging.disable()
    latex = [LatexExtractionConfig()]

    def expressions(answer: str) -> list[Any]:
        # One dollar pair round the whole answer and `first_match`: an answer that does not parse must not be read as a number inside it.
        text = " ".join(answer.replace("\\$", "").replace("$", "").split()).rstrip("\\")
        found = parse(f"${text}$", latex, fallback_mode="no_fallback", extraction_mode="first_match", parsing_timeout=None)
        return list(found)

    def compare(gold: str, predicted: str) -> tuple[bool, str]:
        golds = expressions(gold)
        if not golds:
            return False, GOLD_UNREAD
        targets = expressions(predicted)
        if not targets:
            return False, "the answer does not parse as mathematics"
        return bool(verify(golds, targets, timeout_seconds=None)), ""

    return compare


def main(cpu_seconds: float, memory_mb: int) -> None:
    """Serve until the input ends or SIGTERM comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)
    compare = load()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(BrokenPipeError):  # nobody is left to tell
        _say(answers, {})
        while status := _wait_for(lambda: _serve(compare, answers, cpu_seconds, memory_mb)):
            _say(answers, {"died": status})


def _wait_for(work: Callable[[], None]) -> int:
    """Do the work in a child and return how it ended; SIGTERM ends the child, and then this process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        work()
        os._exit(0)

    def end(signum: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError, ChildProcessError):  # it has just ended by itself
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _serve(compare: Compare, answers: int, cpu_seconds: float, memory_mb: int) -> None:
    """Compare pairs until the input ends; there is never more than one waiting, so a successor finds none half read."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    for line in sys.stdin.buffer:
        pair = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            is_right, reason = compare(pair["gold"], pair["predicted"])
            is_believed = is_right or _peak_mb() <= MEMORY_MARK * memory_mb
        except MemoryError:
            is_believed = False
        if not is_believed:
            os._exit(OUT_OF_MEMORY)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _say(answers, {"right": is_right, "reason": reason})


def _say(answers: int, message: dict[str, object]) -> None:
    os.write(answers, json.dumps(message).encode() + b"\n")


def _peak_mb() -> int:
    """The largest address space so far, in MiB; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmPeak")), 0)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
