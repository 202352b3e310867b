"""Each filter drops what it names, with a reason, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.traces import THINKING, trace

from nemoflow.curate import filters
from nemoflow.curate.decision import Decision, part

CHECKS = [
    filters.came_back,
    filters.is_complete,
    filters.verdict_is_right,
    filters.has_think_block,
    filters.has_box,
    filters.ends_at_box,
    filters.length_within(50, 4000),
    filters.repeats_at_most(0.5),
    filters.keeps_its_secret,
]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (trace(), ""),
        (trace(verdict=None, source="public"), ""),
        (trace(response="", error="HTTP 500", finish="error"), "endpoint-error"),
        (trace(finish="length"), "truncated"),
        (trace(verdict="wrong"), "wrong"),
        (trace(verdict="unclear"), "unclear"),
        (trace(verdict=None), "unverified"),
        (trace(response=rf"<think>{THINKING} \boxed{{4}}"), "no-think-block"),
        (trace(response=rf"<think>a</think>b</think>{THINKING}\boxed{{4}}"), "several-think-blocks"),
        (trace(response=rf"<think>  </think>{THINKING}\boxed{{4}}"), "empty-think-block"),
        (trace(response=rf"<think>{THINKING} \boxed{{4}}</think> It is 4."), "no-box"),
        (trace(response=rf"<think>{THINKING}</think> \boxed{{}}"), "no-box"),
        (trace(response=rf"<think>{THINKING}</think> \boxed{{4}} apples"), "text-after-box"),
        (trace(thinking="four"), "too-short"),
        (trace(thinking=" ".join(str(number) for number in range(2000))), "too-long"),
        (trace(thinking=THINKING * 5), "repetition"),
        (trace(source="rationalized", thinking=THINKING + " The hint says 4."), "hint-leak"),
        (trace(source="rationalized", thinking=THINKING + " Since the answer is known to be 4."), "hint-leak"),
        (trace(source="rationalized", thinking=THINKING + " We are given the correct answer."), "hint-leak"),
        (trace(source="rationalized", statement="Use the hint.", thinking=THINKING + " The hint says two."), ""),
        (trace(source="rationalized"), ""),
        (trace(thinking=THINKING + " The hint of the statement helps."), ""),
    ],
)
def test_a_trace_is_dropped_for_the_first_reason_that_holds(row, reason):
    assert filters.first_reason(row, CHECKS) == reason


@given(st.text(alphabet="ab \n", max_size=200))
def test_repetition_is_a_share_and_a_loop_has_nearly_all_of_it(text):
    assert 0 <= filters.repetition(text) <= 1
    assert filters.repetition(" ".join(str(number) for number in range(100))) == 0
    assert filters.repetition("and so on it goes again " * 100) > 0.9


@given(
    st.permutations([trace(f"t{number}", thinking=THINKING + "x" * (number % 3), number=number % 2) for number in range(8)]),
    st.integers(1, 5),
)
def test_the_cap_keeps_the_same_shortest_traces_whatever_the_order(rows, cap):
    decisions = list(filters.capped(filters.decide(rows, [filters.verdict_is_right]), rows, cap))
    assert [decision.trace for decision in decisions] == rows
    kept = sorted(decision.trace.id for decision in decisions if decision.is_kept)
    best = sorted(rows, key=lambda row: (len(row.response), row.id))
    assert kept == sorted(row.id for number in ("p0", "p1") for row in [row for row in best if row.problem_id == number][:cap])


def test_rows_that_are_dropped_for_another_reason_do_not_count_for_the_cap():
    rows = [trace("a", verdict="wrong", thinking="short"), trace("b")]
    decisions = list(filters.capped(filters.decide(rows, [filters.verdict_is_right]), rows, 1))
    assert [decision.reason for decision in decisions] == ["wrong", ""]


def test_a_dropped_row_says_why_and_keeps_what_it_was():
    kept, rejected = [], []
    row = trace(meta={"parent": "x"})
    tally = part([Decision(row), Decision(row, "wrong", {"more": 1})], kept.append, rejected.append)
    assert kept == [row]
    assert rejected[0].meta == {"parent": "x", "rejected": "wrong", "more": 1}
    assert rejected[0].model_copy(update={"meta": row.meta}) == row
    assert (tally.kept, tally.dropped, tally.total, tally.reasons) == (1, 1, 2, {"wrong": 1})
