import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.made import attempt, evidence, in_mode, problem

from nemoflow.errors import InputError
from nemoflow.evaluation.compare import CHANGES, counts, examples, mcnemar, pair_up
from nemoflow.evaluation.score import verify_rollouts
from nemoflow.evaluation.spread import spread


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


def test_a_problem_is_compared_once_in_each_mode_and_only_with_the_same_mode():
    problems = [problem(0), problem(1)]
    base = [in_mode(attempt(row, "XIII"), mode) for mode in ("high", "low") for row in problems]
    adapter = [in_mode(attempt(row, "XII" if mode == "high" else "XIII"), mode) for mode in ("high", "low") for row in problems]
    by_id = {row.id: row for row in problems}
    pairs = pair_up(problems, verify_rollouts(reversed(base), by_id), verify_rollouts(adapter, by_id))
    assert [(pair.mode, pair.problem.id) for pair in pairs] == [(mode, row.id) for mode in ("high", "low") for row in problems]
    assert counts(pairs, mode="high")["fixed"] == 2
    assert counts(pairs, mode="low")["fixed"] == 0
    with pytest.raises(InputError, match="were not asked the same: 4 and 3 problems"):
        pair_up(problems, base, adapter[1:])
    with pytest.raises(InputError, match="one answer a problem and mode is right"):
        pair_up(problems, base, [*adapter, adapter[0]])


def test_a_problem_that_was_answered_twice_is_not_compared():
    problems = [problem(0), problem(1)]
    traces = [attempt(row, "XII") for row in problems]
    with pytest.raises(InputError, match=r"adapter's rollouts: row 3: problem 'numeral-000' was answered in a row before"):
        pair_up(problems, traces, [*traces, traces[0]])


def test_examples_are_the_first_of_each_kind_and_change_and_repeatable():
    pairs = evidence(("unit", "numeral"), count=6).pairs
    chosen = examples(pairs, dict.fromkeys(CHANGES, 2))
    assert [(pair.change, pair.problem.id) for pair in chosen] == [
        ("broken", "numeral-000"),
        ("broken", "unit-000"),
        ("fixed", "numeral-002"),
        ("fixed", "numeral-003"),
        ("fixed", "unit-002"),
        ("fixed", "unit-003"),
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


def test_of_several_samples_of_a_problem_one_is_shown_and_all_are_counted():
    rows = [problem(0), problem(1)]
    by_id = {row.id: row for row in rows}
    base, adapter = (
        verify_rollouts([attempt(row, answer).model_copy(update={"sample": sample}) for row in rows for sample in range(3)], by_id)
        for answer in ("I", "XII")
    )
    pairs = pair_up(rows, base, adapter)
    assert [(pair.problem.id, pair.adapter.sample) for pair in pairs] == [(row.id, sample) for row in rows for sample in range(3)]
    assert counts(pairs)["fixed"] == 6
    shown = examples(pairs, {"fixed": 5, "broken": 5, "right": 5, "wrong": 5})
    assert [pair.problem.id for pair in shown] == [row.id for row in rows]
    assert spread((pair.problem, pair.adapter) for pair in pairs).responses == 2
