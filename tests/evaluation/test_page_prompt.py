import re

from tests.evaluation.made import HOSTILE, evidence

from nemoflow.evaluation.page_prompt import prompt_section
from nemoflow.evaluation.report import Evidence

FORM = {"v": 1, "system": HOSTILE, "suffix": "", "shots": [{"problem_id": "p<7>", "statement": "s", "response": "r"}]}
TUNING = {
    "dev": {"fingerprint": "0123456789abcdef", "problems": 1200},
    "candidates": [{}] * 7,
    "gain": {"points": 2.5, "low": -1.0, "high": 6.0},
}


def made(prompt: dict | None, tuning: dict | None) -> Evidence:
    one = evidence()
    return Evidence({"revision": "c", **({"prompt": prompt} if prompt else {})}, one.base, one.adapter, one.pairs, one.steps, tuning=tuning)


def test_the_form_is_shown_with_how_it_was_chosen_and_is_no_markup():
    said = prompt_section(made(FORM, TUNING))
    assert "<script>" not in said
    assert "p&lt;7&gt;" in said
    assert "The contest asks in its own" in said
    assert "7 candidates on 1,200 dev problems (<code>0123456789ab</code>)" in said
    assert "+2.5 points over the contest's form there (95 %: -1.0 to +6.0)" in re.sub("&#x27;", "'", said)


def test_the_contests_own_form_is_no_part_of_the_page_unless_it_won():
    assert prompt_section(made(None, None)) == ""
    assert "no other was better" in prompt_section(made(None, TUNING))
    assert "Chosen of" not in prompt_section(made(FORM, None))
