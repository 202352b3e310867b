import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, problem

from nemoflow.errors import InputError
from nemoflow.evaluation.compare import pair_up
from nemoflow.evaluation.gate import Limits, judge
from nemoflow.evaluation.noise import floor_between, noise
from nemoflow.evaluation.score import score, verify_rollouts


def asked(rights):
    """Verified attempts: a row a problem, an entry a sample."""
    problems = [problem(index) for index in range(len(rights))]
    traces = [
        attempt(row, "XII" if right else "I").model_copy(update={"sample": sample})
        for row, samples in zip(problems, rights, strict=True)
        for sample, right in enumerate(samples)
    ]
    return problems, verify_rollouts(traces, {row.id: row for row in problems})


def test_what_was_asked_once_tells_no_noise():
    assert noise(asked([[True], [False]])[1]) is None
    assert noise([]) is None


def test_a_model_that_says_the_same_has_no_noise_and_one_that_turns_has_some():
    steady = noise(asked([[True] * 3, [False] * 3])[1])
    assert (steady.turned, steady.one, steady.floor) == (0, 0.0, 0.0)
    turning = noise(asked([[True, False], [True, True], [False, False], [True, True]])[1])
    assert (turning.turned, turning.accuracies) == (1, (0.75, 0.5))
    assert turning.one == pytest.approx(100 * math.sqrt(0.5) / 4)
    assert turning.mean == pytest.approx(turning.one / math.sqrt(2))


@given(st.integers(0, 2**32))
def test_the_error_is_that_of_accuracies_drawn_again_and_again(seed):
    """Against the definition: 400 problems of chances from 0 to 1, their accuracy drawn anew."""
    draw = Random(seed)
    chances = [draw.random() for _ in range(400)]
    found = noise(asked([[draw.random() < chance for _ in range(4)] for chance in chances])[1])
    true = 100 * math.sqrt(sum(chance * (1 - chance) for chance in chances)) / 400
    assert found.one == pytest.approx(true, rel=0.25)


def test_problems_that_were_asked_unequally_are_refused():
    with pytest.raises(InputError, match="problems have 1 to 2 attempts"):
        noise(asked([[True, False], [True]])[1])


def judged(base, adapter, **limits):
    problems, before = asked(base)
    return judge(pair_up(problems, before, asked(adapter)[1]), Limits(**limits))


def test_a_gain_below_the_noise_does_not_count_where_that_is_asked():
    turning, better = [[True, False]] * 8, [[True, False]] * 6 + [[True, True]] * 2
    assert judged(turning, better).passed
    decision = judged(turning, better, beyond_noise=True)
    assert decision.reason.startswith("beyond_noise: asked for more than the noise of 2 attempts a problem, ")
    assert decision.figures["noise_floor"] > decision.figures["gain"]["points"] == 12.5
    steady = judged([[False, False]] * 8, [[True, True]] * 8, beyond_noise=True)
    assert (steady.passed, steady.figures["noise_floor"]) == (True, 0.0)


def test_a_gate_that_asks_for_noise_of_single_attempts_is_told_what_to_do():
    with pytest.raises(InputError, match=r"beyond_noise: each problem was asked once.*repeats = 3"):
        judged([[True]], [[True]], beyond_noise=True)


def test_the_floor_between_two_is_narrower_with_more_attempts():
    few, many = (noise(asked([[True, False] * count] * 5)[1]) for count in (1, 8))
    assert floor_between([many, many]) < floor_between([few, few])


def test_samples_of_a_problem_do_not_make_an_accuracy_surer():
    once, often = asked([[True]] * 5 + [[False]] * 5)[1], asked([[True] * 8] * 5 + [[False] * 8] * 5)[1]
    assert score(often, 8).overall.interval == pytest.approx(score(once).overall.interval)
    assert score(often, 8).overall.accuracy == 0.5
