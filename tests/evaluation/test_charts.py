from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.evaluation.charts import (
    WIDTH,
    AccuracyRow,
    GainRow,
    accuracy_chart_svg,
    costs_svg,
    gains_svg,
    histograms_svg,
    percent,
)
from nemoflow.evaluation.paired import Gain
from nemoflow.evaluation.score import Tally

TALLIES = st.integers(0, 500).flatmap(lambda total: st.builds(Tally, st.just(total), st.integers(0, total)))
NAMES = st.text(min_size=1, max_size=30)


def numbers_within(svg: str) -> None:
    """It is XML, and everything that has a place is inside the drawing."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    assert width == WIDTH
    for element in root.iter():
        for names, limit in ((("x", "x1", "x2"), width), (("y", "y1", "y2"), height)):
            assert all(-0.1 <= float(element.get(name)) <= limit + 0.1 for name in names if element.get(name))
        for point in element.get("points", "").split():
            x, y = map(float, point.split(","))
            assert -0.1 <= x <= width + 0.1
            assert -0.1 <= y <= height + 0.1


@settings(deadline=None)
@given(st.lists(st.builds(AccuracyRow, NAMES, TALLIES, TALLIES), max_size=10), st.booleans())
def test_accuracy_bars_stay_inside_the_drawing_whatever_the_names_and_counts(rows, standalone):
    numbers_within(accuracy_chart_svg(rows, standalone=standalone))


GAINS = st.tuples(*[st.floats(-100, 100)] * 3).map(sorted).map(lambda ends: Gain(9, ends[1], ends[0], ends[2], 5, 2))


@given(st.lists(st.builds(GainRow, NAMES, GAINS, st.booleans()), max_size=10), st.booleans())
def test_gains_and_their_intervals_stand_in_order_inside_the_drawing(rows, standalone):
    svg = gains_svg(rows, standalone=standalone)
    numbers_within(svg)
    points = list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}circle"))
    assert [point.get("class") for point in points] == ["adapter" if row.gain.points >= 0 else "worse" for row in rows]
    at = [float(point.get("cx")) for point in points]
    assert all(0 <= x <= WIDTH for x in at)
    assert [x for _, x in sorted(zip((row.gain.points for row in rows), at, strict=True))] == sorted(at)


COSTS = st.integers(0, 500).flatmap(
    lambda total: st.builds(Tally, st.just(total), st.integers(0, total), st.just(0), st.just(0), st.integers(0, 10**7))
)


@settings(deadline=None)
@given(st.lists(st.builds(AccuracyRow, NAMES, COSTS, COSTS), max_size=10))
def test_points_over_tokens_stay_inside_the_drawing(rows):
    svg = costs_svg(rows)
    numbers_within(svg)
    circles = list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 2 * len(rows)
    assert all(0 <= float(circle.get("cx")) <= WIDTH for circle in circles)


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.lists(st.integers(0, 100_000), min_size=1, max_size=300), min_size=1, max_size=9))
def test_histograms_stay_inside_the_drawing(groups):
    numbers_within(histograms_svg(groups, "characters"))


def test_a_chart_is_xml_whatever_the_characters_of_a_name():
    numbers_within(accuracy_chart_svg([AccuracyRow('a\x00\x1b[31m\ufffe<&"\ud800', Tally(2, 1), Tally(2, 2))], standalone=True))


def test_the_bar_is_as_long_as_the_accuracy():
    half = accuracy_chart_svg([AccuracyRow("all", Tally(10, 5), Tally(10, 10))])
    bars = [float(rect.get("width")) for rect in ElementTree.fromstring(half).iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[1] == 2 * bars[0]


def test_a_standalone_chart_brings_its_own_colours_for_light_and_dark():
    rows = [AccuracyRow("unit", Tally(400, 3), Tally(400, 391))]
    svg = accuracy_chart_svg(rows, standalone=True)
    assert "prefers-color-scheme: dark" in svg
    assert "unit: base 0.8 %, adapter 97.8 %" in svg
    assert "<style>" not in accuracy_chart_svg(rows)


def test_shares_at_the_ends_of_the_scale_are_whole_and_others_are_not_rounded_to_them():
    assert [percent(share) for share in (0.0, 1.0, 0.978, 0.001)] == ["0 %", "100 %", "97.8 %", "0.1 %"]
