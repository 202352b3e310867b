from collections import Counter
from dataclasses import replace

import pytest

from nemoflow.errors import ConfigError, InputError
from nemoflow.harvest.attempts import Asking, Chosen, Plan
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.records import Problem

ASKING = Asking(Endpoint(url="http://127.0.0.1:1/v1", model="m", revision="7"), Sampling(), Patience())


def problems(*categories):
    return [Problem(id=f"p{i}", statement=f"s{i}", category=category, source="t") for i, category in enumerate(categories)]


def test_the_first_of_each_named_category_are_taken_in_their_order():
    every = problems("a", "b", "a", "c", "b", "a")
    assert [problem.id for problem in Chosen(lambda: every, {"b": 1, "a": 2})] == ["p0", "p1", "p2"]
    assert list(Chosen(lambda: every, {})) == every


def test_a_category_that_no_problem_has_is_named():
    with pytest.raises(ConfigError, match=r"categories.x: no problem has this category; known: a, b"):
        Chosen(lambda: problems("a", "b"), {"x": 1})


def test_an_empty_set_and_an_id_that_comes_twice_are_refused():
    with pytest.raises(InputError, match="empty"):
        Chosen(list, {})
    with pytest.raises(InputError, match="row 3: id 'p0' is also that of row 1"):
        Chosen(lambda: [*problems("a", "b"), *problems("a")], {})


def attempts(samples, asking=ASKING, **fields):
    return [attempt for group in Plan(problems("a", "b"), samples, asking, 0, **fields) for attempt in group]


def test_more_samples_add_to_fewer_and_no_two_attempts_share_key_or_seed():
    few, many = attempts(4), attempts(8)
    assert [attempt.sample for attempt in many] == [*range(8), *range(8)]
    assert {attempt.id for attempt in few} < {attempt.id for attempt in many}
    assert len({attempt.id for attempt in many}) == 16
    assert len({attempt.seed for attempt in many[:8]}) == 8


def test_each_effort_has_samples_of_its_own_that_say_so():
    made = attempts(2, efforts=("high", "low"))
    assert [attempt.sampling.mode for attempt in made[:4]] == ["high", "high", "low", "low"]
    assert len({attempt.id for attempt in made}) == 8
    assert not {attempt.id for attempt in made} & {attempt.id for attempt in attempts(2)}


def test_each_of_a_mix_gets_its_share_of_the_samples_and_a_sample_always_the_same_teacher():
    mixed = Endpoint(url="http://b/v1", model="b", weight=3)
    asking = replace(ASKING, endpoint=Endpoint(url="http://a/v1", model="a", mixed=(mixed,)))
    shares = Counter(attempt.teacher.model for attempt in attempts(1000, asking))
    assert shares["b"] / shares.total() == pytest.approx(0.75, abs=0.03)
    few = {(attempt.problem.id, attempt.sample): attempt.teacher.model for attempt in attempts(10, asking)}
    many = {(attempt.problem.id, attempt.sample): attempt.teacher.model for attempt in attempts(20, asking)}
    assert few.items() <= many.items()
