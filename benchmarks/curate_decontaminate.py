"""Decontamination: rows a minute of the processor's time, of traces in a file against evaluation sets, all but the start of Python counted.

    python benchmarks/curate_decontaminate.py

20,000 puzzles of the contest's kinds stand for training problems, 2,000 others for evaluation problems, and 1 in 100 training statements
is an evaluation statement with words before and after it. Ends with 1 under 100,000 rows a minute, where a planted one is missed, or where
more than 5 in 1,000 others are dropped.
"""

import argparse
import statistics
import tempfile
import time
from itertools import cycle, islice

from nemoflow.curate.decontaminate import NEAR_WORDS, EvalIndex, survey
from nemoflow.prompts.teacher import ask
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.split import draw
from nemoflow.records import Problem, Trace
from nemoflow.store import open_store, read_rows, write_rows

BAR = 100_000


def puzzles(side: str, count: int, seed: int) -> list[Problem]:
    """Problems of all kinds in turn, from one side of the split."""
    drawn = [draw(family, side, seed) for family in FAMILIES.values()]
    return [next(family) for family in islice(cycle(drawn), count)]


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    evaluation = puzzles("eval", 2000, 1)
    training = puzzles("train", options.rows, 2)
    planted = set(range(0, options.rows, 100))
    statements = [
        f"Here is one for you. {evaluation[number // 100 % len(evaluation)].statement} Think well."
        if number in planted
        else problem.statement
        for number, problem in enumerate(training)
    ]
    traces = [
        Trace(
            id=str(number), problem_id=str(number), category="c", source="teacher", model="m", messages=ask(statement), response="r" * 2000
        )
        for number, statement in enumerate(statements)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        write_rows(store, "traces.jsonl", traces)
        seconds = []
        for _ in range(options.rounds):
            started = time.process_time()
            index = EvalIndex(evaluation, (statement for statement in statements), near_words=NEAR_WORDS)
            found = survey(read_rows(store, "traces.jsonl", Trace), {}, index)
            kept = sum(decision.is_kept for decision in found.decide(read_rows(store, "traces.jsonl", Trace)))
            seconds.append(time.process_time() - started)
    speed = options.rows / statistics.median(seconds) * 60
    hits = {int(problem_id) for problem_id in found.matches}
    missed, wrong = len(planted - hits), len(hits - planted)
    print(f"{speed:,.0f} rows a minute (bar {BAR:,}); {missed} of {len(planted)} planted missed")
    print(f"{wrong} of {options.rows - len(planted):,} others dropped, {kept:,} kept, {len(found.near_misses):,} near misses")
    return 0 if speed >= BAR and not missed and wrong <= options.rows / 200 else 1


if __name__ == "__main__":
    raise SystemExit(main())
