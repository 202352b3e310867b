import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.made import attempt, problem

from nemoflow.errors import InputError
from nemoflow.evaluation.score import Score, Tally, is_right, need_gold, score, verify_rollouts, wilson

COUNTS = st.integers(1, 2000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (29, 29, 0.8830, 1.0)],
)
def test_wilsons_interval_is_that_of_newcombes_table(right, total, low, high):
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3; the last row mirrors 0 of 29."""
    assert wilson(right, total) == pytest.approx((low, high), abs=6e-5)


@settings(deadline=None)
@given(COUNTS)
def test_the_interval_holds_the_share_and_stays_within_0_and_1(counts):
    right, total = counts
    low, high = wilson(right, total)
    assert 0.0 <= low <= right / total <= high <= 1.0
    assert low < high


@settings(deadline=None)
@given(COUNTS)
def test_the_interval_of_the_wrong_mirrors_that_of_the_right(counts):
    right, total = counts
    low, high = wilson(right, total)
    assert wilson(total - right, total) == pytest.approx((1 - high, 1 - low))


@settings(deadline=None)
@given(COUNTS)
def test_the_bounds_are_where_the_share_is_1_96_deviations_away(counts):
    right, total = counts
    for bound in wilson(right, total):
        if 0 < bound < 1:
            assert abs(right / total - bound) / math.sqrt(bound * (1 - bound) / total) == pytest.approx(1.959964, rel=1e-4)


def test_nothing_tried_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert Tally().accuracy == 0.0


def scored(answers: dict[str, list[str | None]]) -> Score:
    problems = {row.id: row for kind, found in answers.items() for row in (problem(index, kind) for index in range(len(found)))}
    traces = [attempt(problems[f"{kind}-{index:03d}"], answer) for kind, found in answers.items() for index, answer in enumerate(found)]
    return score(verify_rollouts(traces, problems))


def test_kinds_add_up_to_the_whole():
    result = scored({"unit": ["XII", "x", None], "numeral": ["xii", "12"]})
    assert list(result.kinds) == ["numeral", "unit"]
    assert (result.kinds["unit"].right, result.kinds["numeral"].right) == (1, 1)
    assert (result.overall.problems, result.overall.right, result.overall.no_box, result.overall.tokens) == (5, 2, 1, 50)
    assert result.overall.accuracy == 0.4


def test_a_report_read_back_is_the_score_that_was_written():
    result = scored({"unit": ["XII", None], "numeral": ["XII"]})
    assert Score.from_json(result.to_json(), "report.json") == result
    assert result.to_json()["kinds"]["numeral"]["accuracy"] == 1.0


def test_a_truncated_response_is_counted_and_still_scored():
    asked = problem(0)
    [trace] = verify_rollouts([attempt(asked, "XII", finish="length")], {asked.id: asked})
    assert is_right(trace)
    assert Tally.of(trace).truncated == 1


def test_revision_b_and_c_score_a_brace_differently():
    asked = problem(0, gold="a}b")
    trace = attempt(asked, "a}b")
    assert is_right(verify_rollouts([trace], {asked.id: asked}, "c")[0])
    assert not is_right(verify_rollouts([trace], {asked.id: asked}, "b")[0])


def test_a_problem_without_a_gold_answer_stops_the_evaluation_by_its_id():
    asked = problem(7, gold=None)
    with pytest.raises(InputError, match="'numeral-007': has no gold answer"):
        verify_rollouts([attempt(asked, "XII")], {asked.id: asked})


def test_a_problem_without_a_gold_answer_is_seen_before_there_is_a_rollout():
    need_gold([problem(1)], "eval.jsonl")
    with pytest.raises(InputError, match=r"eval\.jsonl: problem 'numeral-007': has no gold answer"):
        need_gold([problem(1), problem(7, gold=None)], "eval.jsonl")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, r"^r/report\.json: kinds: missing"),
        ({"kinds": 3}, r"^r/report\.json: kinds: got '3'"),
        ({"kinds": {}}, r"^r/report\.json: kinds: got '{}'"),
        ({"kinds": {"unit": 3}}, r"^r/report\.json: kinds\.unit: got '3'; the counts problems, right"),
        ({"kinds": {"unit": {"problems": 2}}}, r"^r/report\.json: kinds\.unit\.right: missing; a count"),
        ({"kinds": {"unit": {"problems": 2, "right": "1"}}}, r"kinds\.unit\.right: got '1'; a count"),
        ({"kinds": {"unit": {"problems": 2, "right": -1}}}, r"kinds\.unit\.right: got '-1'; a count"),
        ({"kinds": {"unit": {"problems": 2, "right": 3, "truncated": 0, "no_box": 0, "tokens": 0}}}, r"kinds\.unit\.right: 3 of 2"),
    ],
)
def test_a_report_that_is_none_is_named_with_the_field(changed, message):
    with pytest.raises(InputError, match=message):
        Score.from_json({"v": 1, **changed}, "r/report.json")
