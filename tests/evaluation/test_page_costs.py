import re
from dataclasses import replace

import pytest
from tests.evaluation.made import evidence
from tests.evaluation.test_page import Reader

from nemoflow.evaluation.page import render
from nemoflow.evaluation.report import LIMIT, summary
from nemoflow.evaluation.sampled import Sampled

BOUNDS = {1: (0.25, 0.75), 2: (0.5, 1.0)}


def said(shown) -> str:
    return " ".join(Reader(render(shown)).said.split())


def test_a_right_answer_has_a_price_in_tokens_and_its_efficiency():
    """Of 6 problems the base solves 2 at 99 tokens each, the adapter 5 at 10, of 256 at most."""
    text = said(evidence(("unit",)))
    assert re.search(r"unitbase6 \(100 %\)4 \(66\.7 %\)992970\.204", text)
    assert re.search(r"adapter0 \(0 %\)0 \(0 %\)10120\.801", text)
    assert summary(evidence(("unit",)))["costs"]["adapter"] == {
        "tokens_per_right": 12.0,
        "efficiency": pytest.approx(5 * (1 - 10 / 256) / 6),
    }


@pytest.mark.parametrize("limit", [None, "many", 0, -5])
def test_a_report_without_a_token_limit_is_measured_by_the_contests(limit):
    shown = replace(evidence(), settings={"revision": "c", "max_new_tokens": limit})
    assert shown.costs("adapter").limit == LIMIT


def test_seconds_of_evaluations_are_told_where_they_ran_in_this_run():
    assert "Evaluations took: base 5.3 s, adapter 2 min 5 s." in said(replace(evidence(), seconds_asked={"base": 5.3, "adapter": 125.0}))
    assert "Evaluations took: adapter 1.0 s." in said(replace(evidence(), seconds_asked={"adapter": 1.0}))
    assert "Evaluations took" not in said(evidence())


def test_a_model_that_says_the_same_everywhere_is_marked_and_one_that_does_not_is_not():
    problems = evidence(("unit",), count=40)
    golds = [pair.problem.model_copy(update={"gold": pair.problem.id}) for pair in problems.pairs]
    shown = replace(problems, pairs=[replace(pair, problem=gold) for pair, gold in zip(problems.pairs, golds, strict=True)])
    assert "collapsed" in said(shown).partition("How varied the answers are")[2]
    assert summary(shown)["spread"]["adapter"]["is_collapsed"]
    own = [
        replace(pair, adapter=pair.adapter.model_copy(update={"answer": pair.problem.id, "response": pair.problem.id, "verdict": None}))
        for pair in shown.pairs
    ]
    assert not summary(replace(shown, pairs=own))["spread"]["adapter"]["is_collapsed"]


def test_samples_of_the_teacher_are_shown_where_there_are_several():
    shown = replace(evidence(), samples={"unit": Sampled(12, 2, {1: 0.5, 2: 0.75}, {1: 0.5, 2: 0.625}, BOUNDS, BOUNDS)})
    assert re.search(r"unit12150\.0 % 25\.0 to 75\.050\.0 % 25\.0 to 75\.0275\.0 % 50\.0 to 100\.062\.5 % 50\.0 to 100\.0", said(shown))
    assert summary(shown)["samples"]["unit"]["k"]["2"] == {
        "pass": 0.75, "pass_low": 0.5, "pass_high": 1.0, "maj": 0.625, "maj_low": 0.5, "maj_high": 1.0
    }  # fmt: skip
    assert "Several samples" not in said(evidence())
