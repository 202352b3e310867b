"""Symbolic equality in processes: what it finds, and that no pair costs more than a worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.extraction import answer_in
from nemoflow.answers.symbolic import SymbolicPool

PAIRS = [
    (r"\frac{1}{2}", "0.5", "right"),
    (r"2\sqrt{3}", r"\sqrt{12}", "right"),
    ("x^2+2x+1", "(x+1)^2", "right"),
    ("5", "x = 5", "right"),
    ("(3, 4)", r"\left( 3, 4 \right)", "right"),
    (r"\{1, 2\}", r"\{2, 1\}", "right"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "right"),
    ("1-1/e", "1+1/e", "wrong"),
    ("840", "840840", "wrong"),
    ("listen", "silent", "wrong"),
    ("[1,2)", "(1,2]", "wrong"),
    (r"\frac{1}{2}", r"1 - \frac{1}{2} apples }{ and", "wrong"),
    ("7", None, "wrong"),
    ("7", "", "wrong"),
]

FOR_A_WORKER = (r"\begin{pmatrix}1 & 2\end{pmatrix} + \begin{pmatrix}1 & 1\end{pmatrix}", r"\begin{pmatrix}2 & 3\end{pmatrix}")
"""A pair that the cheap steps leave to a worker."""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children():
    tasks = Path(f"/proc/{os.getpid()}/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


def test_equal_mathematics_is_right_and_unequal_is_wrong_in_the_order_of_the_pairs():
    with SymbolicPool(workers=2) as pool:
        findings = list(pool.compare((gold, predicted) for gold, predicted, _ in PAIRS))
    assert [(*pair, finding.verdict) for pair, finding in zip(PAIRS, findings, strict=True)] == [(*pair, pair[2]) for pair in PAIRS]


def test_pathological_answers_cost_a_worker_each_and_no_neighbour_its_finding():
    hostile = ["9^{9^{9^9}}", "{" * 100_000 + "1" + "}" * 100_000]
    pairs = [pair for answer in hostile for pair in (("5", answer), FOR_A_WORKER)]
    with SymbolicPool(workers=2, timeout_s=0.5) as pool:
        findings = list(pool.compare(pairs))
    assert [finding.verdict for finding in findings] == ["unclear", "right"] * len(hostile)
    assert {finding.rule for finding in findings[::2]} == {"time-limit"}
    assert "0.5 s of CPU time" in findings[0].reason


def test_an_answer_that_needs_more_memory_than_allowed_is_unclear():
    with SymbolicPool(timeout_s=60, memory_mb=256) as pool:
        finding = pool.verify("1", "(2^{10^9})+1")
        assert (finding.verdict, finding.rule) == ("unclear", "memory-limit")
        assert pool.verify(*FOR_A_WORKER).verdict == "right"


def test_a_worker_that_was_killed_from_outside_is_replaced_and_its_pair_asked_again():
    with SymbolicPool() as pool:
        assert pool.verify(*FOR_A_WORKER).verdict == "right"
        for worker in children():
            os.kill(worker, signal.SIGKILL)
        assert pool.verify(*FOR_A_WORKER[::-1]).verdict == "right"


def test_no_process_is_left_when_the_pool_is_closed_or_left_in_the_middle():
    before = children()
    with SymbolicPool(timeout_s=30) as pool:
        findings = pool.compare([("5", "5"), ("5", "9^{9^{9^9}}"), ("x", "y+z")])
        assert next(findings).rule == "exact"
        findings.close()
        assert pool.verify(r"\int_0^1 2x\,dx", "1").verdict == "right"
        assert children() > before
    assert children() == before


def test_pairs_that_need_no_mathematics_start_no_process():
    before = children()
    with SymbolicPool() as pool:
        assert [finding.rule for finding in pool.compare([("1", "1"), ("1", "2"), ("1", None)])] == ["exact", "number", "no-answer"]
        assert children() == before


def test_pairs_are_taken_in_as_findings_are_taken_out():
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield ("1", "1")

    with SymbolicPool() as pool:
        findings = pool.compare(endless())
        for _ in range(40):
            next(findings)
        findings.close()
    assert taken < 100


def test_a_worker_ends_by_itself_when_its_parent_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "from nemoflow.answers.symbolic import SymbolicPool, _Pair, _Worker\n"
        "worker = _Worker(1.0, 1024)\n"
        "worker.take(_Pair('5', '9^{9^{9^9}}'))\n"
        "print(worker._process.pid, flush=True)\n"
        "worker._process.wait()\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    for _ in range(600):
        if not alive(worker):
            return
        time.sleep(0.05)
    pytest.fail("the worker still runs")


@given(st.text(alphabet="\\boxed{}$1 ", max_size=60))
def test_every_response_has_an_answer_for_symbolic_comparison(text):
    assert isinstance(answer_in(text), str)


def test_a_reader_takes_the_closed_box_where_the_metric_swallows_what_follows():
    assert answer_in(r"so $\boxed{18}$ dollars, \text{done}") == "18"
    assert answer_in("Final answer: 12") == "12"
    assert answer_in(None) == "NOT_FOUND"
