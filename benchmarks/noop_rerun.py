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
PROGRAM = str(Path(sys.executable).parent / "nemoflow")


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds and output of a command."""
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - begun, done.stdout


def main() -> int:
    """Measure five re-runs against five bare interpreters, print, and return 1 above the bar."""
    workflow = sys.argv[1] if len(sys.argv) > 1 else "workflows/demo.toml"
    root = sys.argv[2] if len(sys.argv) > 2 else "nemoflow-data"
    command = [PROGRAM, "run", workflow, "--root", root]
    subprocess.run(command, check=True)
    bare = statistics.median(timed([sys.executable, "-c", "pass"])[0] for _ in range(5))
    runs = [timed(command) for _ in range(5)]
    again = statistics.median(seconds for seconds, _ in runs)
    ran = [out.splitlines() for _, out in runs]
    idle = all(any(line.startswith("0 steps ran") for line in lines) for lines in ran)
    print(f"no-op re-run: median {again:.2f} s, bare interpreter {bare:.2f} s, so {again - bare:.2f} s; bar {BAR_S} s; 0 steps ran: {idle}")
    return int(again - bare >= BAR_S or not idle)


if __name__ == "__main__":
    sys.exit(main())
