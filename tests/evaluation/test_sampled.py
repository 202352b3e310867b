from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, problem

from nemoflow.answers.voting import open_same
from nemoflow.evaluation.sampled import Votes, bootstrap_mean, maj_at_k, pass_at_k, sampled
from nemoflow.evaluation.score import verify_rollouts

COUNTS = st.lists(st.integers(1, 3), max_size=3).map(tuple)
VOTES = st.builds(Votes, st.lists(st.integers(1, 3), max_size=2).map(tuple), COUNTS, st.integers(0, 2)).filter(
    lambda votes: votes.samples > 0
)


def ballots(votes: Votes) -> list[tuple[str, int]]:
    """Each sample as (answer, which of its answers); `silent` ones say nothing."""
    named = [("right", votes.right), ("wrong", votes.wrong)]
    cast = [(name, index) for name, counts in named for index, count in enumerate(counts) for _ in range(count)]
    return cast + [("silent", 0)] * votes.silent


def won(drawn: tuple[tuple[str, int], ...]) -> float:
    counted = Counter(ballot for ballot in drawn if ballot[0] != "silent")
    tops = [ballot for ballot, count in counted.items() if count == max(counted.values())]
    return sum(name == "right" for name, _ in tops) / len(tops) if tops else 0.0


@given(VOTES, st.data())
def test_pass_and_maj_at_k_are_the_means_over_all_choices_of_k_samples(votes, data):
    k = data.draw(st.integers(1, votes.samples))
    drawn = list(combinations(ballots(votes), k))
    assert maj_at_k(votes, k) == pytest.approx(sum(map(won, drawn)) / len(drawn))
    holds_one = sum(any(name == "right" for name, _ in choice) for choice in drawn)
    assert pass_at_k(votes.samples, sum(votes.right), k) == pytest.approx(holds_one / len(drawn))


@given(st.integers(1, 200), st.data())
def test_pass_at_k_grows_with_k_from_the_share_that_is_right(samples, data):
    right = data.draw(st.integers(0, samples))
    found = [pass_at_k(samples, right, k) for k in range(1, samples + 1)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(right / samples)
    assert found[-1] == float(right > 0)


@given(VOTES)
def test_one_sample_wins_its_vote_where_it_is_right(votes):
    assert maj_at_k(votes, 1) == pytest.approx(sum(votes.right) / votes.samples)


@pytest.mark.parametrize("k", [0, 5])
def test_more_samples_than_there_are_cannot_be_chosen(k):
    with pytest.raises(ValueError, match=f"@{k} of 4 samples"):
        pass_at_k(4, 1, k)
    with pytest.raises(ValueError, match=f"@{k} of 4 samples"):
        maj_at_k(Votes((1,), (2,), 1), k)


def samples_of(asked, *answers):
    return verify_rollouts([attempt(asked, answer) for answer in answers], {asked.id: asked})


def test_samples_are_counted_by_kind_and_answer_and_a_kind_asked_once_is_left_out():
    steady, split, once = problem(0), problem(1), problem(2, "unit")
    traces = [
        *samples_of(steady, "XII", "XII", "xii", "I"),
        *samples_of(split, "XII", "I", "I", "V"),
        *samples_of(once, "XII"),
    ]
    found = sampled(traces)
    assert list(found) == ["numeral"]
    assert (found["numeral"].problems, found["numeral"].samples, list(found["numeral"].passes)) == (2, 4, [1, 2, 4])
    assert found["numeral"].passes[1] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert found["numeral"].passes[4] == 1.0
    assert found["numeral"].majorities[4] == 0.5
    assert found["numeral"].to_json()["k"]["4"] == {
        "pass": 1.0, "pass_low": 1.0, "pass_high": 1.0, "maj": 0.5, "maj_low": 0.0, "maj_high": 1.0
    }  # fmt: skip


def test_answers_that_verify_as_equal_are_one_vote():
    asked = problem(0, gold="1/2")
    traces = verify_rollouts([attempt(asked, answer) for answer in ("3", "1/2", "0.5", "3", "2/4")], {asked.id: asked}, metric="symbolic")
    with open_same("symbolic") as same:
        by_equality = sampled(traces, same=same)["numeral"]
    assert by_equality.majorities[5] == 1.0
    assert sampled(traces)["numeral"].majorities[5] == 0.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_an_interval_of_a_mean_holds_the_mean_and_stays_among_the_values(values):
    names = [str(index) for index in range(len(values))]
    low, high = bootstrap_mean(names, values, resamples=500)
    assert min(values) - 1e-9 <= low <= sum(values) / len(values) + 1e-9
    assert sum(values) / len(values) - 1e-9 <= high <= max(values) + 1e-9


def test_attempts_in_several_modes_do_not_make_an_interval_narrower_than_the_problems_do():
    values = [float(index % 2) for index in range(20)]
    alone = bootstrap_mean([str(index) for index in range(20)], values)
    thrice = bootstrap_mean([str(index) for index in range(20)] * 3, values * 3)
    assert thrice == pytest.approx(alone)


def test_a_harvest_of_many_samples_is_told_up_to_sixteen_and_all():
    answers = ["XII"] * 20 + [str(index) for index in range(44)]
    found = sampled(samples_of(problem(0), *answers))["numeral"]
    assert list(found.majorities) == [1, 2, 4, 8, 16, 64]
    assert found.majorities[64] == 1.0
    assert found.majorities[16] > found.majorities[1]
