"""Claim: a harvest of a million requests takes no more memory than one of a tenth of them.

    python benchmarks/harvest_memory.py                   100,000 and 1,000,000 attempts; exit 1 above the bar
    python benchmarks/harvest_memory.py --requests 200000  a fifth of it

The whole of a harvest but the network: problems read from a file, planned, kept in the ledger, committed in parts, written in order; the
answers are made where they would arrive. Each size runs in a process of its own; what counts is that process' peak.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nemoflow.flow.scratch import StoredRows
from nemoflow.harvest.attempts import Asking, Attempt, Chosen, Plan
from nemoflow.harvest.health import Health
from nemoflow.harvest.traces import Course, harvest
from nemoflow.inference.fleet import Chat
from nemoflow.inference.ledger import Ledger
from nemoflow.inference.request import Patience, Reply, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.records import Problem, Usage
from nemoflow.store import open_store, read_rows, write_rows

SAMPLES = 4
BAR_MIB = 40.0
"""How much more the large harvest may take."""
WORDS = "so the next step follows from the one before and we carry on " * 10


async def answered(chat: Chat, attempt: Attempt) -> Reply:
    """An answer of some 700 bytes after a breath."""
    await asyncio.sleep(0)
    return Reply(f"<think>\n{attempt.id} {WORDS}\n</think>\n\\boxed{{42}}", "stop", Usage(prompt_tokens=60, completion_tokens=150), 0.1)


def run(count: int, folder: Path) -> None:
    """Harvest so many attempts and print seconds and the peak in MiB."""
    store = open_store(str(folder))
    statement = "A train leaves at noon; how far does it get by three? " * 5
    rows: Sequence[Mapping[str, Any]] | Any = (
        Problem(id=f"p{i}", statement=f"{i}: {statement}", gold="42", category="c", source="s") for i in range(count // SAMPLES)
    )
    write_rows(store, "problems.jsonl", rows)
    begun = time.perf_counter()
    chosen = Chosen(lambda: read_rows(store, "problems.jsonl", Problem), {})
    asking = Asking(Endpoint(url="http://127.0.0.1:1/v1", model="m"), Sampling(), Patience())
    with Ledger(folder / "scratch", StoredRows(store), "g") as ledger:
        found = harvest(Plan(chosen, SAMPLES, asking, 0), asking, ledger, Health(0.1, 16), Course(respond=answered))
        assert write_rows(store, "traces.jsonl.zst", found).rows == count
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(count: int) -> tuple[float, float]:
    """Seconds, MiB at the peak."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--count", str(count), "--folder", folder]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]), float(said[1])


def main() -> int:
    """Print the figures; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count:
        run(options.count, options.folder)
        return 0
    sizes = (options.requests // 10, options.requests)
    found = [measure(size) for size in sizes]
    for size, (seconds, mib) in zip(sizes, found, strict=True):
        print(f"{size:9} attempts: {seconds:6.0f} s = {size / seconds:6.0f}/s, peak {mib:4.0f} MiB", flush=True)
    more = found[1][1] - found[0][1]
    print(f"{'met' if more <= BAR_MIB else 'NOT MET'}: {more:.0f} MiB more for ten times the attempts (bar {BAR_MIB:.0f} MiB)")
    return int(more > BAR_MIB)


if __name__ == "__main__":
    sys.exit(main())
