import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.harvest.judge import agreed, settle
from nemoflow.prompts.judge import ask_judge, read_judgement
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace, Verdict


@pytest.mark.parametrize(
    ("response", "judgement"),
    [
        ("Same value.\nJudgement: Yes", "yes"),
        ("They differ.\n**Judgement:** No.", "no"),
        ("judgment: yes", "yes"),
        ("<think>\nJudgement: Yes\n</think>\nJudgement: No", "no"),
        ("<think>\nJudgement: Yes", "yes"),
        ("I said Judgement: Yes, but no.\nJudgement: No", "no"),
        ("Judgement: perhaps", "unclear"),
        ("Judgement: nothing", "unclear"),
        ("Yes", "unclear"),
        ("", "unclear"),
    ],
)
def test_the_last_judgement_after_the_thinking_counts(response, judgement):
    assert read_judgement(response) == judgement


@given(st.text())
def test_every_response_is_a_judgement(response):
    assert read_judgement(response) in ("yes", "no", "unclear")


def test_only_what_is_said_in_both_orders_is_a_judgement():
    assert agreed(["yes", "yes"]) == "yes"
    assert agreed(["no", "no"]) == agreed(["no"]) == "no"
    assert agreed(["yes", "no"]) == agreed(["no", "unclear"]) == agreed([]) == "unclear"


def test_braces_in_answers_stay_as_they_are():
    (message,) = ask_judge("Find {x}.", r"\frac{1}{2}", "{0}")
    assert r"\frac{1}{2}" in message.content
    assert "{0}" in message.content


def test_a_judgement_takes_the_place_of_the_verdict_and_says_what_was_there():
    verdict = Verdict(verdict="unclear", rule="symbolic", extracted="1", gold="2", reason="time-limit")
    trace = Trace(
        id="a", problem_id="p", category="c", source="teacher", model="m", messages=ask("?"), response="\\boxed{1}", verdict=verdict
    )
    settled = settle(trace, "yes").verdict
    assert (settled.verdict, settled.rule, settled.reason) == ("right", "judge", "was unclear by symbolic")
    assert settle(trace, "no").verdict.verdict == "wrong"
    unclear = settle(trace, "unclear").verdict
    assert (unclear.verdict, unclear.rule, unclear.reason) == ("unclear", "symbolic", "time-limit; the judge could not tell")
