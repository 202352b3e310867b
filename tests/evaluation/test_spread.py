from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, problem

from nemoflow.evaluation.spread import Spread, spread

GOLDS = [f"{index}" for index in range(200)]


def answered(golds: list[str], answers: list[str | None], thought: str = "") -> Spread:
    problems = [problem(index, gold=gold) for index, gold in enumerate(golds)]
    traces = [attempt(row, answer) for row, answer in zip(problems, answers, strict=True)]
    own = [trace.model_copy(update={"response": f"{thought and trace.problem_id}{trace.response}"}) for trace in traces]
    return spread(zip(problems, own, strict=True))


def test_a_model_that_says_the_same_whatever_it_is_asked_is_collapsed():
    found = answered(GOLDS, ["7"] * 200)
    assert (found.answers, found.golds, found.top_answer, found.top_count, found.distinct) == (1, 200, "7", 200, 1)
    assert found.is_collapsed


def test_one_answer_under_different_reasoning_is_collapsed_too():
    found = answered(GOLDS, ["7"] * 200, thought="own")
    assert (found.distinct, found.strays) == (200, 0)
    assert found.is_collapsed


def test_a_model_that_never_boxes_anything_but_repeats_itself_is_collapsed():
    found = answered(GOLDS, [None] * 200)
    assert (found.answers, found.top_count, found.strays) == (0, 0, 200)
    assert found.is_collapsed


@given(st.lists(st.sampled_from(["0", "1", "2", "3"]), min_size=1, max_size=80))
def test_who_answers_with_the_gold_answers_is_never_collapsed(golds):
    found = answered(golds, list(golds), thought="own")
    assert found.top_count == found.top_gold_count
    assert not found.is_collapsed


def test_of_golds_that_are_yes_or_no_one_answer_may_be_frequent_and_not_the_only_one():
    golds = ["yes", "no"] * 100
    assert not answered(golds, ["yes"] * 120 + ["no"] * 80, thought="own").is_collapsed
    assert answered(golds, ["yes"] * 200, thought="own").is_collapsed


def test_the_same_response_under_the_same_gold_answer_is_no_stray():
    found = answered(["1", "1", "2"], ["1", "1", "2"])
    assert (found.distinct, found.strays) == (2, 0)


def test_a_few_problems_prove_nothing_and_none_at_all_neither():
    assert not answered(GOLDS[:2], ["7", "8"]).is_collapsed
    assert not spread([]).is_collapsed
    assert spread([]).to_json()["responses"] == 0
