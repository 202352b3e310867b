import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.evaluation.charts import WIDTH
from nemoflow.evaluation.charts_reward import reward_svg
from nemoflow.evaluation.charts_training import curves_svg

FIGURES = st.floats(0, 1e4, allow_nan=False)


def rows(steps, **fields):
    return [{"step": step, "loss": 4 / step, "learning_rate": 3e-3, "grad_norm": 1.0, **fields} for step in range(1, steps + 1)]


def lines_within(svg):
    """Lines of a drawing, which is XML, and all of it inside."""
    tree = ElementTree.fromstring(svg)
    height = float(tree.attrib["viewBox"].split()[3])
    lines = [line.attrib["points"] for line in tree.iter() if line.tag.endswith("polyline")]
    for x, y in (map(float, point.split(",")) for line in lines for point in line.split()):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= height
    assert all(0 <= float(words.attrib["y"]) <= height for words in tree.iter() if words.tag.endswith("text"))
    return lines


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"loss": FIGURES}, optional={"held_out_loss": FIGURES, "learning_rate": FIGURES}), min_size=1, max_size=900
    )
)
def test_a_curve_is_whole_xml_and_lies_within_its_frame_whatever_was_logged(log):
    log = [{"step": step, **row} for step, row in enumerate(log, 1)]
    known = ("loss", "learning_rate", "held_out_loss")
    assert len(lines_within(curves_svg(log))) == sum(any(name in row for row in log) for name in known)


@settings(deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"reward": st.floats(-100, 100), "right": st.floats(0, 1), "tokens": FIGURES}), min_size=1, max_size=900)
)
def test_the_curve_of_a_reward_lies_within_its_frame_below_zero_too(log):
    assert len(lines_within(reward_svg([{"step": step, **row} for step, row in enumerate(log, 1)]))) == 3


@pytest.mark.parametrize("draw", [curves_svg, reward_svg])
def test_a_curve_of_its_own_brings_its_colours_and_one_in_a_page_takes_the_pages(draw):
    log = rows(3, reward=0.5, right=0.1, tokens=30)
    assert "prefers-color-scheme: dark" in draw(log)
    assert "<style>" not in draw(log, standalone=False)


def test_held_out_losses_are_drawn_where_there_are_some_and_said_to_those_who_do_not_see():
    log = rows(10)
    assert "held out" not in curves_svg(log)
    log[4]["held_out_loss"] = log[9]["held_out_loss"] = 2.5
    drawn = curves_svg(log)
    assert len(re.findall('<circle class="dot"', drawn)) == 3, "two points and the key"
    assert "Loss from 4 to 0.4 in 10 steps, 2.5 held out" in drawn


def test_a_run_whose_rate_or_gradient_is_zero_is_drawn_too():
    assert "polyline" in curves_svg([{"step": 1, "loss": 0.0, "learning_rate": 0.0, "grad_norm": 0.0}])
