import pytest

from nemoflow.errors import ProviderError, ProviderRefused
from nemoflow.harvest.health import Health
from nemoflow.inference.client import RequestRefused

FAILURE = ProviderError("timed out")


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
