"""Leaks of a told answer, against sentences that were written by hand: one half beside the filter, one held back until it was done."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.prompts.hints import hint_leak, mentions_hint
from nemoflow.prompts.teacher import HINT

ROWS = [line.split("\t") for line in (Path(__file__).parent / "leaks.tsv").read_text().splitlines()[1:]]
STATEMENT = "How many places are in the hall?"
DERIVATION = "There are six rows. Each row has seven places. So 6 * 7 = 42 places are there."
TOLD = [text for leak, _, text in ROWS if leak == "yes" and hint_leak(text, STATEMENT, "42") == "told"]
INNOCENT = [text for leak, _, text in ROWS if leak == "no"]


@pytest.mark.parametrize("half", ["seen", "held"])
def test_leaks_are_found_and_ordinary_reasoning_is_left_alone(half):
    wrong = [text for leak, where, text in ROWS if where == half and mentions_hint(text, STATEMENT, "42") != (leak == "yes")]
    assert wrong == []


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ("The provided answer of 42 agrees with our count.", "told"),
        ("If the answer is 42, then each row holds seven. They do. So it fits.", "premise"),
        ("The answer is 42. There are six rows. Each has seven places.", "answer-first"),
        ("Let us verify that it is 42. Six rows of seven places fit.", "check-only"),
    ],
)
def test_each_way_to_leak_has_its_name(response, kind):
    assert hint_leak(response, STATEMENT, "42") == kind


@given(st.sampled_from(TOLD), st.integers(0, 3))
def test_a_mention_is_found_wherever_it_stands(text, at):
    sentences = DERIVATION.split(". ")
    assert hint_leak(". ".join([*sentences[:at], text.rstrip("."), *sentences[at:]]), STATEMENT, "42") == "told"


@given(st.lists(st.sampled_from(INNOCENT), min_size=1, max_size=6))
def test_innocent_sentences_say_nothing_together_either(texts):
    assert hint_leak("\n".join(texts), STATEMENT, "42") != "told"


@given(st.sampled_from(TOLD))
def test_what_the_statement_says_itself_is_no_mention(text):
    assert hint_leak(text, text) != "told"


@given(st.text(max_size=400), st.text(max_size=40), st.text(max_size=10))
def test_any_text_has_a_finding(response, statement, answer):
    assert hint_leak(response, statement, answer) in ("", "told", "premise", "answer-first", "check-only")


def test_the_same_words_at_the_end_sum_up():
    assert hint_leak(f"{DERIVATION} Since the answer is 42, we write 42.", STATEMENT, "42") == ""
    assert hint_leak(f"Since the answer is 42, we count rows. {DERIVATION}", STATEMENT, "42") == "premise"


def test_an_answer_that_the_statement_names_may_be_shown():
    assert hint_leak("We need to show that it is 42. Six rows of seven.", "Show that there are 42 places.", "42") == ""


def test_the_hint_itself_is_a_leak_where_it_is_repeated():
    assert hint_leak(HINT.format(gold="42"), STATEMENT, "42") == "told"
