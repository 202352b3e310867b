import re
from xml.etree import ElementTree

from nemoflow.evaluation.charts import WIDTH
from nemoflow.evaluation.charts_training import curves_svg


def rows(steps, **fields):
    return [{"step": step, "loss": 4 / step, "learning_rate": 3e-3, "grad_norm": 1.0, **fields} for step in range(1, steps + 1)]


def test_a_curve_is_whole_xml_and_lies_within_its_frame():
    for steps in (1, 2, 1000):
        tree = ElementTree.fromstring(curves_svg(rows(steps)))
        height = float(tree.attrib["viewBox"].split()[3])
        lines = [line.attrib["points"] for line in tree.iter() if line.tag.endswith("polyline")]
        assert len(lines) == 3
        for x, y in (map(float, point.split(",")) for line in lines for point in line.split()):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= height


def test_held_out_losses_are_drawn_where_there_are_some_and_said_to_those_who_do_not_see():
    log = rows(10)
    assert "held out" not in curves_svg(log)
    log[4]["held_out_loss"] = log[9]["held_out_loss"] = 2.5
    drawn = curves_svg(log)
    assert len(re.findall('<circle class="dot"', drawn)) == 3, "two points and the key"
    assert "Loss from 4 to 0.4 in 10 steps, 2.5 held out" in drawn


def test_a_run_whose_rate_or_gradient_is_zero_is_drawn_too():
    assert "polyline" in curves_svg([{"step": 1, "loss": 0.0, "learning_rate": 0.0, "grad_norm": 0.0}])
