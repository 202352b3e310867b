import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from nemoflow.puzzles.batch import ALONE, UNKNOWN, learn, work, work_all
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.split import draw

FAST = ("bits", "cipher", "equation_digits", "gravity", "numeral", "unit")


def puzzles(count, kinds=FAST):
    return [problem.statement for name in kinds for problem in islice(draw(FAMILIES[name], "train", 11), count)]


def solutions(worked):
    return [(one.kind, one.solution, one.trace) for one in worked]


@pytest.fixture(scope="module")
def statements():
    drawn = [*puzzles(4), "What is the largest planet?"]
    assert len(drawn) > ALONE
    return drawn


@pytest.fixture(scope="module")
def expected(statements):
    return solutions(work_all(statements, learn(statements, 1), style="", processes=1))


def test_neither_order_nor_the_number_of_processes_changes_a_solution(statements, expected):
    order = Random(3).sample(range(len(statements)), len(statements))
    mixed = [statements[index] for index in order]
    worked = work_all(mixed, learn(mixed, 2), style="", processes=2)
    assert solutions(worked) == [expected[index] for index in order]


def test_one_puzzle_alone_is_solved_as_among_others(statements, expected):
    known = learn(statements, 1)
    for statement, found in zip(statements[::5], expected[::5], strict=True):
        assert solutions([work(statement, known, style="")]) == [found]


def test_every_statement_is_counted_once_and_strangers_are_named(statements):
    heard = []
    worked = work_all(statements, {}, processes=1, advance=heard.append)
    assert sum(heard) == len(statements) == len(worked)
    assert [one.kind for one in worked] == [*[name for name in FAST for _ in range(4)], UNKNOWN]
    assert worked[-1].solution.confidence == "none"
    assert all(one.trace == "" for one in worked)
    assert all(one.solution.finding is None for one in worked)


def test_learning_does_not_depend_on_order():
    drawn = puzzles(12, ("bits", "cipher", "equation_digits"))
    assert learn(drawn, 1) == learn(drawn[::-1], 1)
    assert set(learn(drawn, 1)) == {"bits", "cipher", "equation_digits"}


def test_nothing_is_learned_from_nothing():
    assert learn([]) == {}
    assert work_all([], {}) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="WORKERS ARE NOT WATCHED: there is no /proc here")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_caller(number):
    caller = subprocess.Popen([sys.executable, "-c", ENDLESS], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        workers = until(lambda: found if len(found := children(caller.pid)) >= 3 else None)  # two, and multiprocessing's tracker
    finally:
        caller.send_signal(number)
        caller.wait()
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


ENDLESS = """
from nemoflow.puzzles.batch import work_all
from nemoflow.puzzles.catalog import FAMILIES
from random import Random
if __name__ == "__main__":
    while True:
        work_all([FAMILIES["bits"].generate(Random(seed)).statement for seed in range(200)], {}, processes=2)
"""


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def until(look, within_s=30):
    end = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return seen
