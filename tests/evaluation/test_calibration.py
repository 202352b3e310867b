import xml.etree.ElementTree as ET
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.evaluation.calibration import Point, calibrate
from nemoflow.evaluation.calibration_chart import calibration_svg

POINTS = st.lists(
    st.integers(1, 2000).flatmap(lambda n: st.builds(Point, st.just("a<b"), st.integers(0, n), st.just(n), st.floats(0, 1))), max_size=12
)


def drawn(seed: int, count: int, slope: float, offset: float) -> list[Point]:
    """Submissions of a team whose board score is offset + slope local, but for sampling on either side."""
    random = Random(seed)
    points = []
    for index in range(count):
        truth = random.uniform(0.5, 0.9)
        board = min(1.0, max(0.0, offset + slope * truth))
        right = sum(random.random() < truth for _ in range(950))
        points.append(Point(str(index), right, 950, sum(random.random() < board for _ in range(250)) / 250))
    return points


@given(POINTS, st.integers(1, 2000), st.floats(0, 1))
def test_any_points_give_an_interval_around_the_figure_within_a_share_and_a_picture(points, rows, local):
    found = calibrate(points, rows)
    expected = found.expect(local)
    assert (expected is None) == (not points)
    if expected is not None:
        assert 0 <= expected.low <= expected.value <= expected.high <= 1
    agreeing, pairs = found.order
    assert 0 <= agreeing <= pairs
    assert found.lines()
    root = ET.fromstring(calibration_svg(found))
    assert sum(node.tag.endswith("circle") for node in root.iter()) == len(points)


@pytest.mark.parametrize(("count", "slope", "offset"), [(2, 1.0, 0.0), (4, 1.0, -0.05), (12, 1.0, 0.02), (12, 0.4, 0.4)])
def test_nineteen_of_twenty_next_scores_lie_within_the_interval(count, slope, offset):
    hits = 0
    for seed in range(400):
        *points, last = drawn(seed, count + 1, slope, offset)
        expected = calibrate(points, 250).expect(last.local)
        hits += expected.low <= last.board <= expected.high
    assert 0.92 <= hits / 400 <= 1.0


def test_one_submission_says_no_more_than_two_shares_do():
    found = calibrate([Point("1", 350, 400, 0.86)], 250)
    # Newcombe's method 10 by hand: Wilson of 350/400 is 0.8390 to 0.9039, of 215/250 it is 0.8115 to 0.8976
    assert found.offset.value == pytest.approx(-0.015)
    assert (found.offset.low, found.offset.high) == (pytest.approx(-0.0714, abs=1e-3), pytest.approx(0.0372, abs=1e-3))
    assert any("1 point says little" in line for line in found.lines())


def test_points_that_agree_by_chance_make_no_certainty():
    found = calibrate([Point(str(index), 80, 100, 0.85) for index in range(3)], 250)
    assert found.offset.high - found.offset.low > 0.05
    assert found.line is None


def test_a_line_predicts_only_where_its_slope_is_surely_not_one():
    flat = calibrate(drawn(1, 20, 0.3, 0.5), 250)
    even = calibrate(drawn(1, 20, 1.0, 0.0), 250)
    assert flat.uses_line
    assert not even.uses_line
    assert even.line.slope.low < 1 < even.line.slope.high
