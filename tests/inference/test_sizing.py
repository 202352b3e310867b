import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.inference.sizing import Demand, size

demands = st.builds(Demand, st.integers(0, 10**7), st.floats(1, 1e5), st.floats(0.1, 1e6), st.floats(1, 1e7))


@given(demands, st.integers(1, 1000))
def test_it_is_the_fewest_that_are_done_in_time_within_what_is_allowed(demand, most):
    sized = size(demand, most)
    assert 1 <= sized.replicas <= most
    work = demand.requests * demand.tokens_per_request / demand.tokens_per_s
    if sized.replicas == sized.needed:
        assert sized.seconds <= demand.finish_s * (1 + 1e-9)
        assert sized.replicas == 1 or work / (sized.replicas - 1) > demand.finish_s * (1 - 1e-9)
    else:
        assert sized.replicas in (most, demand.requests, 1)


@given(demands, st.integers(1, 1000), st.integers(1, 10**6))
def test_more_requests_never_get_fewer_replicas(demand, most, more):
    larger = Demand(demand.requests + more, demand.tokens_per_request, demand.tokens_per_s, demand.finish_s)
    assert size(larger, most).replicas >= size(demand, most).replicas


@pytest.mark.parametrize(
    ("demand", "most", "replicas", "said"),
    [
        (Demand(40_000, 3_000, 2_500, 14_400), 8, 4, "40000 requests of 3000 tokens at 2500 tokens/s a replica: 4 replicas, about 3.3 h"),
        (Demand(40_000, 3_000, 2_500, 3_600), 8, 8, r": 8 replicas, about 1.7 h \(14 would be done in 60 min\)"),
        (Demand(0, 3_000, 2_500, 60), 8, 1, ": 1 replica, about 0 s"),
        (Demand(2, 100_000, 10, 60), 8, 2, r": 2 replicas, about 2.8 h \(334 would be done in 60 s\)"),
    ],
)
def test_it_says_what_it_reckoned_with(demand, most, replicas, said):
    sized = size(demand, most)
    assert sized.replicas == replicas
    assert re.search(said, str(sized))
