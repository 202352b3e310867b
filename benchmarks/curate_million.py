"""A million synthetic traces of 2 kB through filter, exact and near dedup, and mix: seconds and memory a stage, each stage a process.

    python benchmarks/curate_million.py --rows 1000000 --folder build/million

Ends with 1 where a stage needs more than 2 GiB, where a planted duplicate is kept (1 in 100 of them may be), or where the corpus of ten
shards differs in a byte from that of one (`--shards 0` leaves that out). The bar for memory is for a million rows.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import orjson

from nemoflow.prompts.chat import user_message

LIMIT_KIB = 2 * 2**20
WORDS = 20_000
SAMPLES = 4


def vocabulary() -> list[str]:
    """Words that no text has twice by chance."""
    draw = Random(1)
    syllables = ["ka", "lo", "mi", "ter", "son", "ve", "du", "ra", "pel", "on", "is", "qua"]
    return ["".join(draw.choice(syllables) for _ in range(draw.randrange(1, 4))) + str(number % 97) for number in range(WORDS)]


def make(path: Path, rows: int, seed: int) -> dict[str, int]:
    """Four samples a problem; of a tenth of the rows exact copies, of another tenth copies with a few words changed."""
    words, draw = vocabulary(), Random(seed)
    planted = {"exact": 0, "near": 0, "wrong": 0}
    last: list[str] = []
    with path.open("wb") as file:
        for number in range(rows):
            sample, kind = number % SAMPLES, draw.random()
            is_wrong = kind > 0.95
            if sample and last and kind < 0.1:
                thinking, planted["exact"] = last, planted["exact"] + 1
            elif sample and last and kind < 0.2:
                thinking = list(last)
                for place in draw.sample(range(len(thinking)), 4):
                    thinking[place] = "changed"
                planted["near"] += 1
            else:
                thinking = draw.choices(words, k=260)
                planted["wrong"] += is_wrong
                last = thinking if not is_wrong else []
            file.write(_line(number, sample, thinking, is_wrong))
    return planted


def _line(number: int, sample: int, thinking: list[str], is_wrong: bool) -> bytes:
    problem, answer = number // SAMPLES, str(number // SAMPLES % 100)
    asked = user_message(f"What is {problem} and {problem % 89} together?")
    row = {
        "v": 1,
        "id": f"{number:032x}",
        "problem_id": f"p{problem:07d}",
        "sample": sample,
        "category": f"kind{problem % 7}",
        "source": "teacher",
        "model": "synthetic",
        "messages": [{"role": "user", "content": asked}],
        "response": f"<think>\n{' '.join(thinking)}\n</think>\n\\boxed{{{answer}}}",
        "answer": answer,
        "verdict": {"verdict": "wrong" if is_wrong else "right", "rule": "synthetic", "extracted": answer, "gold": answer},
        "meta": {"mode": ("low", "medium", "high")[problem % 3]},
    }
    return orjson.dumps(row) + b"\n"


def stage(name: str, folder: Path, args: list[str]) -> tuple[float, float, int]:
    """Seconds by the clock, seconds of the processor, and the largest resident memory in KiB, of a step in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "nemoflow.cli.main", "step", *args, "--root", str(folder / "root")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name}: ended with {process.returncode}: {said[-2000:]}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def manifest(folder: Path, run: str, node: str) -> dict:
    """What a stage said of its work."""
    return orjson.loads((folder / "root" / "runs" / run / node / "manifest.json").read_bytes())


def sharded(folder: Path, shards: int, kept: str) -> str:
    """Digest of the corpus that so many shards make of what the filter kept."""
    near = ["--set", '{"near": true}']
    for index in range(shards):
        stage("sketch", folder, ["sketch", "--input", f"traces={kept}", "--run", f"s{shards}", "--shard", f"{index}/{shards}", *near])
    stage("cluster", folder, ["cluster", "--input", f"sketches=run://s{shards}/sketch/sketches", "--run", f"s{shards}", *near])
    found = f"duplicates=run://s{shards}/cluster/duplicates"
    for index in range(shards):
        inputs = ["--input", f"traces={kept}", "--input", found, "--run", f"s{shards}", "--shard", f"{index}/{shards}"]
        stage("keep", folder, ["keep", *inputs, *near])
    problems = folder / "problems.jsonl"
    inputs = ["--input", f"traces=run://s{shards}/keep/kept", "--input", f"problems={problems}", "--run", f"s{shards}"]
    stage("mix", folder, ["mix", *inputs])
    return manifest(folder, f"s{shards}", "mix")["outputs"]["corpus"]["files"][0]["digest"]


def remove(path: Path | None) -> None:
    """What no later stage reads: a million traces are 2.4 GB, and each stage writes them anew."""
    if path is not None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def main() -> int:
    """Make the rows, run the stages, judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/million"))
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--sharded-rows", type=int, default=50_000)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    traces, problems = options.folder / "traces.jsonl", options.folder / "problems.jsonl"
    planted = make(traces, options.rows, seed=0)
    problems.write_bytes(b'{"v":1,"id":"none","statement":"None?","category":"kind0","source":"synthetic"}\n')
    print(f"{options.rows:,} traces, {traces.stat().st_size / options.rows:,.0f} bytes each; planted: {planted}")
    inputs = {
        "filter": ["filter", "--input", f"traces={traces}"],
        "dedup": ["dedup", "--input", "traces=run://one/filter/kept", "--set", '{"near": true}'],
        "mix": ["mix", "--input", "traces=run://one/dedup/kept", "--input", f"problems={problems}", "--set", '{"balance_modes": true}'],
    }
    if options.shards:
        few = options.folder / "few.jsonl"
        with traces.open("rb") as source:
            few.write_bytes(b"".join(line for line, _ in zip(source, range(options.sharded_rows), strict=False)))
    is_good = True
    for name, args in inputs.items():
        seconds, busy, memory = stage(name, options.folder, [*args, "--run", "one"])
        told = manifest(options.folder, "one", name)
        speed = f"{seconds:7.1f} s, of the processor {busy:7.1f} s  {told['rows_in'] / busy:7,.0f} rows/s of it"
        print(f"{name:<7} {speed}  {memory / 2**20:5.2f} GiB  dropped {told['dropped']}", flush=True)
        is_good &= memory < LIMIT_KIB
        remove({"filter": traces, "dedup": options.folder / "root" / "runs" / "one" / "filter" / "kept"}.get(name))
    dropped = manifest(options.folder, "one", "dedup")["dropped"]
    found = sum(dropped.values())
    print(f"duplicates found: {found:,} of {planted['exact'] + planted['near']:,} planted; some of those were wrong and went before")
    if options.shards:
        digests = [sharded(options.folder, count, str(few)) for count in (1, options.shards)]
        print(f"corpus of 1 and of {options.shards} shards, {options.sharded_rows:,} traces: {' and '.join(digests)}")
        is_good &= digests[0] == digests[1]
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
