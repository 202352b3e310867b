import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, problem

from nemoflow.evaluation.costs import Costs, costs
from nemoflow.evaluation.score import verify_rollouts

ATTEMPTS = st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=40)


def cost(attempts: list[tuple[bool, int]], limit: int = 200) -> Costs:
    problems = [problem(index) for index in range(len(attempts))]
    traces = [attempt(row, "XII" if right else "I", tokens=tokens) for row, (right, tokens) in zip(problems, attempts, strict=True)]
    return costs(verify_rollouts(traces, {row.id: row for row in problems}), limit)


@given(ATTEMPTS)
def test_efficiency_is_the_mean_of_what_each_attempt_is_worth(attempts):
    worth = [right * (1 - min(tokens, 200) / 200) for right, tokens in attempts]
    assert cost(attempts).efficiency == pytest.approx(sum(worth) / len(worth) if worth else 0.0)


@given(ATTEMPTS)
def test_efficiency_lies_between_nothing_and_the_accuracy(attempts):
    found = cost(attempts)
    assert 0 <= found.efficiency <= (found.right / found.attempts if attempts else 0)


@given(ATTEMPTS)
def test_wrong_answers_cost_tokens_and_without_a_right_one_there_is_no_price(attempts):
    found = cost(attempts)
    price = found.tokens_per_right
    if any(right for right, _ in attempts):
        assert price == sum(tokens for _, tokens in attempts) / sum(right for right, _ in attempts)
    else:
        assert price is None
