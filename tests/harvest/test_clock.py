from hypothesis import given
from hypothesis import strategies as st

from nemoflow.harvest.clock import Clock


def test_what_a_problem_does_not_use_is_left_for_those_after_it():
    clock = Clock(each_s=350, most_s=560)
    assert clock.allow() == 350
    clock.spend(100)
    assert clock.allow() == 560
    clock.spend(560)
    assert clock.allow() == 390


@given(st.floats(1, 1000), st.floats(0, 1000), st.lists(st.floats(0, 2), max_size=60))
def test_problems_that_keep_to_it_never_take_more_than_the_pool(each_s, extra_s, shares):
    clock, total = Clock(each_s, each_s + extra_s), 0.0
    for number, share in enumerate(shares, 1):
        allowed = clock.allow()
        assert 0 <= allowed <= each_s + extra_s
        taken = min(allowed, share * each_s)
        clock.spend(taken)
        total += taken
        assert total <= number * each_s * (1 + 1e-9) + 1e-6


def test_whoever_overruns_is_paid_for_by_those_after():
    clock = Clock(10, 20)
    clock.spend(35)
    assert clock.allow() == 0
