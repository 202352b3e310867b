"""Responses verified a second, here and by Math-Verify, on the same cores and responses, in turns; and how often both agree.

python benchmarks/verify_speed.py DATA [--rounds 5] [--rows 400]

DATA is a folder with `math500.jsonl.gz` (problem, solution, answer) and, where it is there, `math_cot_100x8_responses.jsonl.gz`
(gt, code): whole texts with their boxes. Both sides get two processes that have been warmed up. Bar: ten times Math-Verify's rate, in the
median round.
"""

import argparse
import gzip
import json
import logging
import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

from nemoflow.answers.symbolic import SymbolicPool
from nemoflow.answers.verdicts import Attempt, by_symbols

BAR = 10.0
PROCESSES = 2
CHUNK = 25
Pair = tuple[str, str]


def main() -> int:
    """Measure in turns; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=400)
    arguments = parser.parse_args()
    pairs = _pairs(arguments.data)
    step = max(1, len(pairs) // arguments.rows)
    taken = pairs[::step][: arguments.rows]
    ratios, rates, found = [], [], {}
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as executor:
        for name, work in (("ours", _ours), ("peer", _peer)):
            _timed(executor, work, taken[: 4 * CHUNK])
            print(f"{name}: warm", flush=True)
        for turn in range(arguments.rounds):
            seconds = {}
            for name, work in (("ours", _ours), ("peer", _peer)):
                seconds[name], found[name] = _timed(executor, work, taken)
            ratios.append(seconds["peer"] / seconds["ours"])
            rates.append((len(taken) / seconds["ours"], len(taken) / seconds["peer"]))
            print(f"round {turn + 1}: nemoflow {rates[-1][0]:8.0f}/s   Math-Verify {rates[-1][1]:6.1f}/s   {ratios[-1]:6.1f} x", flush=True)
    ours, peers = (median(rate[side] for rate in rates) for side in (0, 1))
    print(f"{len(taken)} responses, median: nemoflow {ours:.0f}/s, Math-Verify {peers:.1f}/s, {median(ratios):.1f} x; bar {BAR:g} x")
    for (one, other), count in sorted(Counter(zip(found["ours"], found["peer"], strict=True)).items()):
        print(f"  nemoflow {one:<8} Math-Verify {'right' if other == 'right' else 'wrong':<6} {count:>5}")
    return int(median(ratios) < BAR)


def _pairs(data: Path) -> list[Pair]:
    pairs = [(row["answer"], row["solution"]) for row in _rows(data / "math500.jsonl.gz")]
    if (data / "math_cot_100x8_responses.jsonl.gz").exists():
        pairs += [(row["gt"], text) for row in _rows(data / "math_cot_100x8_responses.jsonl.gz") for text in row["code"]]
    return pairs


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path) as file:
        return [json.loads(line) for line in file]


def _timed(executor: ProcessPoolExecutor, work, pairs: list[Pair]) -> tuple[float, list[str]]:
    begun = time.perf_counter()
    chunks = executor.map(work, [pairs[at : at + CHUNK] for at in range(0, len(pairs), CHUNK)])
    found = [verdict for chunk in chunks for verdict in chunk]
    return time.perf_counter() - begun, found


_pool: SymbolicPool | None = None


def _ours(pairs: list[Pair]) -> list[str]:
    global _pool
    _pool = _pool or SymbolicPool()
    return [verdict.verdict for verdict in by_symbols((Attempt(gold, text) for gold, text in pairs), _pool)]


def _peer(pairs: list[Pair]) -> list[str]:
    from math_verify import parse, verify

    logging.disable()
    return ["right" if verify(parse(f"${gold}$"), parse(text)) else "wrong" for gold, text in pairs]


if __name__ == "__main__":
    sys.exit(main())
