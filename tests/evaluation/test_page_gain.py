from dataclasses import replace

from tests.evaluation.made import HOSTILE, evidence
from tests.evaluation.test_page import Reader

from nemoflow.evaluation.decision import Decision, Rule
from nemoflow.evaluation.page import render
from nemoflow.evaluation.report import flips, summary

HELD, BROKEN = Rule("min_gain", True, "asked for no worse than the base"), Rule("max_truncated", False, HOSTILE)


def said(shown) -> str:
    return " ".join(Reader(render(shown)).said.split())


def test_the_gain_stands_beside_the_accuracies_with_its_interval():
    shown = evidence()
    overall, _ = shown.gains
    assert f"gain in points+50.095 % interval {overall.low:+.1f} to {overall.high:+.1f}" in said(shown)


def test_each_kind_has_its_gain_its_interval_and_its_p():
    shown = evidence()
    unit = shown.gains[1]["unit"]
    assert f"unit+50.0{unit.low:+.1f} to {unit.high:+.1f}41{unit.chance:.3f}" in said(shown)


def test_problems_that_all_changed_alike_are_said_to_rather_than_given_an_interval_of_no_width():
    shown = evidence()
    fixed = [pair for pair in shown.pairs if pair.change == "fixed"]
    text = said(replace(shown, pairs=fixed))
    assert "every problem changed alike" in text
    assert "+100.0 to +100.0" not in text


def test_a_refusal_is_told_at_the_head_of_the_page_and_its_words_are_no_markup():
    shown = replace(evidence(), decision=Decision((HELD, BROKEN)))
    text = said(shown)
    assert text.index("The gate refused the adapter: nothing was packaged.") < text.index("Accuracy per kind")
    assert "min_gain held: asked for no worse than the base" in text
    assert "max_truncated broken:" in text
    assert "<script>alert" not in render(shown)


def test_a_run_without_a_gate_says_nothing_of_one():
    assert "The gate" not in said(evidence())
    assert summary(evidence())["gate"] is None


def test_flips_are_all_answers_that_turned_the_losses_first():
    found = list(flips(evidence().pairs))
    assert [flip["change"] for flip in found] == ["broken"] * 2 + ["fixed"] * 8
    assert found[0]["problem_id"] == "numeral-000"
    assert (found[0]["gold"], found[0]["base_answer"], found[0]["adapter_answer"]) == ("XII", "XII", "XIII")
