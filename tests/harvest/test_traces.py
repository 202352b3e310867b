import pytest

from nemoflow.errors import ConfigError, InputError, ProviderError, ProviderRefused
from nemoflow.harvest.traces import Asking, Health, plan, select
from nemoflow.inference.client import RequestRefused
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.records import Problem

ASKING = Asking(Endpoint(url="http://127.0.0.1:1/v1", model="m", revision="7"), Sampling(), Patience())
FAILURE = ProviderError("timed out")


def problems(*categories):
    return [Problem(id=f"p{i}", statement=f"s{i}", category=category, source="t") for i, category in enumerate(categories)]


def test_the_first_of_each_named_category_are_taken_in_their_order():
    every = problems("a", "b", "a", "c", "b", "a")
    assert [problem.id for problem in select(every, {"b": 1, "a": 2})] == ["p0", "p1", "p2"]
    assert select(every, {}) == every


def test_a_category_that_no_problem_has_is_named():
    with pytest.raises(ConfigError, match=r"categories.x: no problem has this category; known: a, b"):
        select(problems("a", "b"), {"x": 1})


def test_an_empty_set_and_an_id_that_comes_twice_are_refused():
    with pytest.raises(InputError, match="empty"):
        select([], {})
    with pytest.raises(InputError, match="row 3: id 'p0' is also that of row 1"):
        select([*problems("a", "b"), *problems("a")], {})


def test_more_samples_add_to_fewer_and_no_two_attempts_share_key_or_seed():
    few = plan(problems("a", "b"), 4, ASKING, 0, "")
    many = plan(problems("a", "b"), 8, ASKING, 0, "")
    assert [attempt.sample for attempt in many] == [*range(8), *range(8)]
    assert {attempt.id for attempt in few} < {attempt.id for attempt in many}
    assert len({attempt.id for attempt in many}) == 16
    assert len({attempt.seed for attempt in many[:8]}) == 8


def test_failures_in_a_row_mean_that_the_endpoint_is_down():
    health = Health(max_share=1, max_in_a_row=3)
    health.good(100)
    for _ in range(2):
        health.bad(FAILURE)
    health.good()
    health.bad(FAILURE)
    health.bad(FAILURE)
    with pytest.raises(ProviderError, match=r"last 3 requests all failed.*kept.*timed out"):
        health.bad(FAILURE)


def test_too_large_a_share_of_failures_means_the_same_but_not_among_the_first():
    health = Health(max_share=0.1, max_in_a_row=99)
    for _ in range(3):
        health.bad(FAILURE)
    health.good(97)
    for _ in range(7):
        health.bad(FAILURE)
        health.good(3)
    health.bad(FAILURE)
    health.bad(FAILURE)
    health.bad(FAILURE)
    with pytest.raises(ProviderError, match=r"14 of 132 requests failed \(allowed: 10%\)"):
        health.bad(FAILURE)


def test_requests_that_are_all_refused_end_as_a_refusal():
    health = Health(max_share=0, max_in_a_row=99)
    with pytest.raises(ProviderRefused):
        health.bad(RequestRefused("400"))


def test_when_nothing_was_answered_the_endpoint_is_down_but_a_resumed_run_counts_what_it_had():
    health = Health(max_share=1, max_in_a_row=99)
    health.bad(FAILURE)
    with pytest.raises(ProviderError, match="all of 1 requests failed; the last failure: timed out"):
        health.end()
    health.good(1)
    health.end()
    Health(max_share=0, max_in_a_row=1).end()


@pytest.mark.parametrize(("failed", "finished", "share"), [(1, 10, 0.1), (29, 100, 0.29), (7, 10, 0.7), (3, 4, 0.75)])
def test_at_the_end_no_more_than_the_allowed_share_may_have_failed_however_small_the_set(failed, finished, share):
    def judge(bad, good):
        health = Health(share, max_in_a_row=999)
        health.good(good)
        for _ in range(bad):
            health.bad(FAILURE)
        health.end()

    judge(failed, finished - failed)
    words = r"\d+ of \d+ requests failed .*answered is kept.*timed out|all of \d+ requests failed"
    with pytest.raises(ProviderError, match=words) as caught:
        judge(failed + 1, finished - failed - 1)
    assert caught.value.exit_code == 75


def test_too_many_failures_at_the_end_are_a_refusal_only_where_each_was_one():
    for errors, kind in (([RequestRefused("400")] * 2, ProviderRefused), ([FAILURE, RequestRefused("400")], ProviderError)):
        health = Health(max_share=0.1, max_in_a_row=99)
        health.good(2)
        for error in errors:
            health.bad(error)
        with pytest.raises(ProviderError) as caught:
            health.end()
        assert type(caught.value) is kind
