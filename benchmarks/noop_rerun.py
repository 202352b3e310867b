"""Running a finished workflow again runs no step, wakes nobody, and takes less than 1 s beyond the interpreter's own start.

    python benchmarks/noop_rerun.py [WORKFLOW.toml] [ROOT]

Runs the workflow to its end first where it is not finished (the demo: some minutes). What is held to the bar is the least of some rounds,
in seconds of a core: neighbours on the machine only add. With them the same re-run took 1.24 s of the clock instead of 0.69 s, and a
median of its seconds of a core moved from 0.64 s to 0.74 s.
"""

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

BAR_S = 1.0
ROUNDS = 15
"""Some ten seconds: a spell of noise outlasts five rounds."""
PROGRAM = str(Path(sys.executable).parent / "nemoflow")


def timed(command: list[str]) -> tuple[float, float, str]:
    """Seconds of the clock and of a core, and the output of a command."""
    begun, used = time.perf_counter(), core_seconds()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - begun, core_seconds() - used, done.stdout


def core_seconds() -> float:
    """Of all commands that ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure re-runs and bare interpreters in turns, print what they take, and return 1 above the bar."""
    workflow = sys.argv[1] if len(sys.argv) > 1 else "workflows/demo.toml"
    root = sys.argv[2] if len(sys.argv) > 2 else "nemoflow-data"
    command = [PROGRAM, "run", workflow, "--root", root]
    subprocess.run(command, check=True)
    pairs = [(timed([sys.executable, "-c", "pass"]), timed(command)) for _ in range(ROUNDS)]
    clock, core = ([again[part] - bare[part] for bare, again in pairs] for part in (0, 1))
    idle = all("\n0 steps ran" in out for _, (_, _, out) in pairs)
    print(
        f"no-op re-run: {min(core):.2f} s of a core, median {statistics.median(core):.2f}, {statistics.median(clock):.2f} s of the clock; "
        f"bar {BAR_S} s of a core; 0 steps ran: {idle}"
    )
    return int(min(core) >= BAR_S or not idle)


if __name__ == "__main__":
    sys.exit(main())
