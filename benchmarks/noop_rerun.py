"""Running a finished workflow again runs no step, wakes nobody, and takes less than 1 s beyond the interpreter's own start.

    python benchmarks/noop_rerun.py [WORKFLOW.toml] [ROOT]

Runs the workflow to its end first where it is not finished (the demo: some minutes).
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

BAR_S = 1.0
ROUNDS = 15
"""Some ten seconds: with five rounds, a spell of noise from neighbours on the machine moved the median from 0.6 to 0.9 s."""
PROGRAM = str(Path(sys.executable).parent / "nemoflow")


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds and output of a command."""
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - begun, done.stdout


def main() -> int:
    """Measure re-runs and bare interpreters in turns, print their medians, and return 1 above the bar."""
    workflow = sys.argv[1] if len(sys.argv) > 1 else "workflows/demo.toml"
    root = sys.argv[2] if len(sys.argv) > 2 else "nemoflow-data"
    command = [PROGRAM, "run", workflow, "--root", root]
    subprocess.run(command, check=True)
    pairs = [(timed([sys.executable, "-c", "pass"])[0], *timed(command)) for _ in range(ROUNDS)]
    bare, again = (statistics.median(pair[part] for pair in pairs) for part in (0, 1))
    idle = all("\n0 steps ran" in out for _, _, out in pairs)
    print(f"no-op re-run: median {again:.2f} s, bare interpreter {bare:.2f} s, so {again - bare:.2f} s; bar {BAR_S} s; 0 steps ran: {idle}")
    return int(again - bare >= BAR_S or not idle)


if __name__ == "__main__":
    sys.exit(main())
