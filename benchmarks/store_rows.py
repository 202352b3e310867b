"""Claim: rows through the store cost at most twice a bare loop of orjson over a file, in under 300 MiB of memory.

    python benchmarks/store_rows.py                  1 M rows of 1 kB; exit 1 above a bar
    python benchmarks/store_rows.py --rows 100000    the same, quicker

Both ways write the same rows and read them back, each in a process of its own (memory is that process' peak), taking turns;
the best of the rounds counts. The store's time includes digests and flushing to the disk itself, which the bare loop does not do.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import orjson

from nemoflow.records import Trace
from nemoflow.store import open_store, read_rows, write_rows

Seconds = tuple[float, float]
"""To write, to read."""
BAR_TIMES, BAR_MIB = 2.0, 300.0
KEY = "rows.jsonl"
DISTINCT = 8000
"""Rows made beforehand and taken in turns, so that making them is not timed; more than zstandard's window of 2 MiB holds."""


def rows() -> list[dict[str, Any]]:
    """Rows of about 1 kB, in the form of traces, with words of a fixed seed."""
    random = Random(0)
    words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(2000)]
    return [
        {
            "v": 1,
            "id": f"{random.getrandbits(128):032x}",
            "problem_id": f"numeral-{index // 4}",
            "sample": index % 4,
            "category": "numeral",
            "source": "teacher",
            "model": "puzzle-solver@1",
            "messages": [{"role": "user", "content": f"Write {index} in the wonderland numeral system."}],
            "response": " ".join(random.choices(words, k=110))[:660],
            "answer": "XXXVIII",
            "usage": {"prompt_tokens": 80, "completion_tokens": 200},
            "seconds": 0.25,
        }
        for index in range(DISTINCT)
    ]


def bare(folder: Path, count: int) -> Seconds:
    """What anyone would write without a store."""
    made, path = rows(), folder / "bare.jsonl"
    start = time.perf_counter()
    with path.open("wb") as file:
        for row in islice(cycle(made), count):
            file.write(orjson.dumps(row) + b"\n")
    middle = time.perf_counter()
    with path.open("rb") as file:
        read = sum(1 for line in file if orjson.loads(line))
    assert read == count
    return middle - start, time.perf_counter() - middle


def through_store(folder: Path, count: int, made: list[Any], key: str = KEY, record_type: type[Trace] | None = None) -> Seconds:
    """The same by the store, the digest checked."""
    store = open_store(str(folder))
    start = time.perf_counter()
    info = write_rows(store, key, islice(cycle(made), count))
    middle = time.perf_counter()
    read = sum(1 for _ in read_rows(store, key, record_type, digest=info.digest))
    assert read == count
    return middle - start, time.perf_counter() - middle


WAYS = {
    "bare": bare,
    "store": lambda folder, count: through_store(folder, count, rows()),
    "store, zstd": lambda folder, count: through_store(folder, count, rows(), f"{KEY}.zst"),
    "store, Trace records": lambda folder, count: through_store(folder, count, [Trace(**row) for row in rows()], KEY, Trace),
}


def measure(way: str, count: int, folder: str | None) -> tuple[float, float, float]:
    """Seconds to write, seconds to read, MiB at the peak, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        command = [sys.executable, __file__, "--rows", str(count), "--way", way, "--folder", temporary]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    write, read, memory = (float(figure) for figure in answer.split())
    os.sync()  # what one way left unwritten must not slow the next
    return write, read, memory


def main() -> int:
    """Print the figures; 1 where a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2, help="of bare and store; the other ways run once")
    parser.add_argument("--folder", help="where to write; default: the system's temporary folder")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        write, read = WAYS[options.way](Path(options.folder), options.rows)
        print(write, read, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return 0
    best: dict[str, tuple[float, float, float]] = {}
    for round_ in range(options.rounds):
        for way in WAYS if round_ == 0 else ("bare", "store"):
            figures = measure(way, options.rows, options.folder)
            best[way] = min(best.get(way, figures), figures, key=lambda figure: figure[0] + figure[1])
    print(f"{options.rows} rows of {sum(len(orjson.dumps(row)) for row in rows()) // DISTINCT} bytes, best of {options.rounds}")
    for way, (write, read, memory) in best.items():
        times = (write + read) / sum(best["bare"][:2])
        seconds = f"write {write:6.2f} s   read {read:6.2f} s   both {write + read:6.2f} s"
        print(f"{way:22} {seconds} = {times:.2f} x bare   peak {memory:4.0f} MiB")
    times, memory = sum(best["store"][:2]) / sum(best["bare"][:2]), best["store"][2]
    is_met = times <= BAR_TIMES and memory < BAR_MIB
    print(f"{'met' if is_met else 'NOT MET'}: {times:.2f} x (bar {BAR_TIMES} x), {memory:.0f} MiB (bar {BAR_MIB:.0f} MiB)")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
