from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, evidence, in_mode, in_modes, problem

from nemoflow.evaluation.compare import mcnemar, pair_up, sign_test
from nemoflow.evaluation.paired import Difference, bootstrap, differences, gains, measure_gain
from nemoflow.evaluation.score import verify_rollouts

CHANGES = st.lists(st.builds(Difference, st.integers(-1, 1)), min_size=1, max_size=60)
SEVERAL = st.lists(st.integers(1, 4).flatmap(lambda n: st.builds(Difference, st.integers(-n, n), st.just(n))), min_size=1, max_size=40)


def every_resample(changes: list[Difference]) -> list[float]:
    """The gain in points of each of the n^n draws with replacement: the bootstrap without chance."""
    return sorted(100 * sum(d.gain for d in drawn) / sum(d.attempts for d in drawn) for drawn in product(changes, repeat=len(changes)))


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_tests_p_is_the_sum_of_the_binomial_tail(more, fewer):
    changed = more + fewer
    assert sign_test(more, fewer) == pytest.approx(sum(comb(changed, k) for k in range(more, changed + 1)) / 2**changed, rel=1e-12)


@given(st.integers(0, 200), st.integers(0, 200))
def test_both_one_sided_ps_overlap_in_the_split_itself_and_the_smaller_one_doubled_is_mcnemars(more, fewer):
    split = comb(more + fewer, more) / 2 ** (more + fewer)
    assert sign_test(more, fewer) + sign_test(fewer, more) == pytest.approx(1 + split)
    assert mcnemar(more, fewer) == min(1.0, 2 * min(sign_test(more, fewer), sign_test(fewer, more)))


@given(SEVERAL)
def test_the_interval_holds_no_value_that_no_resample_has_and_is_repeatable(changes):
    low, high = bootstrap(changes, 500)
    shares = [100 * change.gain / change.attempts for change in changes]
    assert min(shares) - 1e-9 <= low <= high <= max(shares) + 1e-9
    assert bootstrap(changes, 500) == (low, high)


@given(st.permutations([Difference(1), Difference(1), Difference(0), Difference(-1), Difference(2, 3)]))
def test_the_order_of_the_problems_does_not_matter(changes):
    assert bootstrap(changes, 200) == bootstrap(sorted(changes, key=lambda change: (change.gain, change.attempts)), 200)


@given(CHANGES)
def test_models_changed_for_one_another_have_the_mirrored_gain(changes):
    one = measure_gain(changes, 4000)
    other = measure_gain([Difference(-change.gain, change.attempts) for change in changes], 4000)
    assert one.points == -other.points
    assert (one.better, one.worse) == (other.worse, other.better)
    # Both ends are drawn: four thousand draws leave them some hundredths of the spread apart.
    spread = max(one.high - one.low, 100 / len(changes))
    assert abs(one.low + other.high) <= 0.5 * spread
    assert abs(one.high + other.low) <= 0.5 * spread


@pytest.mark.parametrize(
    "changes",
    [
        [Difference(1), Difference(0), Difference(0), Difference(-1), Difference(1), Difference(1)],
        [Difference(2, 3), Difference(0, 3), Difference(-1, 3), Difference(1, 1), Difference(0, 2), Difference(3, 3)],
    ],
)
def test_the_interval_is_that_of_all_resamples(changes):
    """46,656 draws enumerated; between two of a discrete distribution's values a quantile may fall on either."""
    every = every_resample(changes)
    low, high = bootstrap(changes, 100_000)
    for share, found in ((0.025, low), (0.975, high)):
        around = [every[int((share + shift) * (len(every) - 1))] for shift in (-0.004, 0.004)]
        assert around[0] - 1e-9 <= found <= around[1] + 1e-9


def test_no_problem_says_nothing_and_problems_that_changed_alike_leave_no_doubt():
    none = measure_gain([])
    assert (none.points, none.low, none.high, none.chance, none.is_sure) == (0.0, -100.0, 100.0, 1.0, False)
    alike = measure_gain([Difference(1)] * 10)
    assert (alike.points, alike.low, alike.high) == (100.0, 100.0, 100.0)
    assert alike.is_sure


def test_gains_of_the_kinds_are_of_their_own_problems():
    """Of each kind of 6 the base solves 2, the adapter 5: 4 fixed, 1 broken."""
    overall, kinds = gains(evidence().pairs)
    assert list(kinds) == ["numeral", "unit"]
    assert kinds["numeral"] == kinds["unit"]
    assert (overall.problems, overall.better, overall.worse, overall.points) == (12, 8, 2, 50.0)
    assert overall.chance == sign_test(8, 2)
    assert overall.high - overall.low < kinds["unit"].high - kinds["unit"].low


def test_modes_of_a_problem_are_one_draw_with_all_attempts():
    pairs = in_modes(("high", "low"), count=6).pairs
    assert differences(pairs) == [Difference(0, 2), *[Difference(2, 2)] * 5]
    overall, _ = gains(pairs)
    assert (overall.problems, overall.better, overall.worse) == (6, 5, 0)
    assert overall.points == pytest.approx(100 * 10 / 12)


def test_a_problem_that_is_better_in_one_mode_and_worse_in_another_is_neither():
    asked = problem(0)
    base = [in_mode(attempt(asked, answer), mode) for mode, answer in (("high", "XII"), ("low", "I"))]
    adapter = [in_mode(attempt(asked, answer), mode) for mode, answer in (("high", "I"), ("low", "XII"))]
    pairs = pair_up([asked], *(verify_rollouts(traces, {asked.id: asked}) for traces in (base, adapter)))
    overall, _ = gains(pairs)
    assert (overall.better, overall.worse, overall.points) == (0, 0, 0.0)
