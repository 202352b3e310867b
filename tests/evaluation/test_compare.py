import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.made import attempt, evidence, problem

from nemoflow.errors import InputError
from nemoflow.evaluation.compare import CHANGES, counts, examples, mcnemar, pair_up


def test_every_problem_is_fixed_broken_or_as_it_was():
    pairs = evidence(("numeral",), count=6).pairs
    assert [pair.change for pair in pairs] == ["broken", "right", "fixed", "fixed", "fixed", "fixed"]
    assert counts(pairs) == {"fixed": 4, "broken": 1, "wrong": 0, "right": 1}
    assert sum(counts(pairs).values()) == len(pairs)


def test_counts_of_the_kinds_add_up():
    pairs = evidence(("numeral", "unit")).pairs
    assert {change: counts(pairs, "numeral")[change] + counts(pairs, "unit")[change] for change in CHANGES} == counts(pairs)


def test_models_that_were_not_asked_the_same_are_not_compared():
    problems = [problem(0), problem(1)]
    traces = [attempt(row, "XII") for row in problems]
    with pytest.raises(InputError, match=r"2 and 1 problems, 'numeral-001' is in one of them only"):
        pair_up(problems, traces, traces[:1])
    with pytest.raises(InputError, match=r"'numeral-001', which is not among the report's problems"):
        pair_up(problems[:1], traces, traces)


def test_a_problem_that_was_answered_twice_is_not_compared():
    problems = [problem(0), problem(1)]
    traces = [attempt(row, "XII") for row in problems]
    with pytest.raises(InputError, match=r"adapter's rollouts: row 3: problem 'numeral-000' was answered in a row before"):
        pair_up(problems, traces, [*traces, traces[0]])


def test_examples_are_the_first_of_each_kind_and_change_and_repeatable():
    pairs = evidence(("unit", "numeral"), count=6).pairs
    chosen = examples(pairs, 2)
    assert [(pair.change, pair.problem.id) for pair in chosen] == [
        ("fixed", "numeral-002"),
        ("fixed", "numeral-003"),
        ("fixed", "unit-002"),
        ("fixed", "unit-003"),
        ("broken", "numeral-000"),
        ("broken", "unit-000"),
        ("right", "numeral-001"),
        ("right", "unit-001"),
    ]


@pytest.mark.parametrize(
    ("fixed", "broken", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (10, 2, 0.038574), (3, 3, 1.0)]
)
def test_mcnemars_p_is_twice_the_tail_of_the_fair_coin(fixed, broken, p):
    assert mcnemar(fixed, broken) == pytest.approx(p, abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemars_p_is_a_probability_and_has_no_side(fixed, broken):
    assert 0 <= mcnemar(fixed, broken) == mcnemar(broken, fixed) <= 1
