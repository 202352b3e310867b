"""Answers of responses without a box, and of those whose boxes mislead: our own rows, judged as a person would."""

import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.announced import announced
from nemoflow.answers.extraction import answer_in, stated
from nemoflow.answers.formulas import outcome
from nemoflow.answers.sentences import chosen, last_number
from nemoflow.answers.verdicts import Attempt, open_verifier

ROWS = [orjson.loads(line) for line in (Path(__file__).parent / "responses.jsonl").read_bytes().splitlines()]
BEYOND = {"So Evelyn is the fastest."}
"""A name inside a sentence: only who knows the gold answer would look there."""
NUMBERS = st.integers(-(10**9), 10**9)


def test_responses_get_the_verdict_that_a_person_gave_them():
    with open_verifier("symbolic", workers=2) as verdicts:
        found = list(verdicts(Attempt(row["gold"], row["response"]) for row in ROWS))
    differing = [
        (row["response"], verdict.extracted) for row, verdict in zip(ROWS, found, strict=True) if verdict.verdict != row["verdict"]
    ]
    assert len(differing) <= 1, differing
    assert not [row for row, verdict in zip(ROWS, found, strict=True) if verdict.verdict == "right" != row["verdict"]]


@given(
    NUMBERS, NUMBERS, st.sampled_from(["The answer is {}.", "Final answer: {}", "Die Antwort ist {}.", "答案是{}。", "so we get\n#### {}"])
)
def test_the_last_announcement_counts(first, last, words):
    assert answer_in(f"{words.format(first)}\n{words.format(last)}") == str(last)


@given(NUMBERS, st.text(alphabet="abc .\n", max_size=40))
def test_a_box_counts_whatever_stands_before_it(number, before):
    assert answer_in(f"{before}The answer is 0. So \\boxed{{{number}}}") == str(number)


def test_a_result_that_is_only_named_is_its_value():
    assert [stated(text) for text in ("ans = 19", "result = 2.5", "x = 4")] == ["19", "2.5", "x = 4"]


@given(
    NUMBERS,
    st.sampled_from(["Wrong answer: {}", "This is not my final answer: {}", "Previous answer: {}", "I tried {} but could not solve it."]),
)
def test_what_a_text_takes_back_is_no_answer(number, words):
    assert str(number).lstrip("-") not in answer_in(words.format(number))


@given(NUMBERS)
def test_a_calculation_with_a_unit_behind_it_comes_to_its_last_side(number):
    assert answer_in(f"{number} + 1 = {number + 1} boxes.") == f"{number + 1} boxes"


@given(NUMBERS)
def test_the_sign_and_the_thousands_of_the_last_number_stay(number):
    assert last_number(f"from 5 to {number:,} in all").replace(",", "") == str(number)


@given(st.lists(st.sampled_from("ABCD"), min_size=2, max_size=4, unique=True))
def test_options_that_are_listed_only_choose_none(letters):
    assert chosen(" ".join(f"({letter}) it is so" for letter in letters)) is None
    assert chosen(f"{' '.join(f'({letter}) it is so' for letter in letters)} I choose {letters[0]}.") == letters[0]


@given(st.text(alphabet="$\\[](){}boxed answer is:#*=1A\n", max_size=80))
def test_any_text_is_read_without_an_error(text):
    assert isinstance(answer_in(text), str)
    assert isinstance(stated(text), str)
    assert announced(text) is None or announced(text)


@pytest.mark.parametrize("text", ["<answer>", "answer is ", "\n ", "\\[", "\\begin{align}", "#### ", "1,", "(A) or "])
def test_the_longest_texts_are_read_in_seconds(text):
    started = time.process_time()
    answer_in("answer" + text * (40_000 // len(text)))
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("a + b = 3 + 4 = 7", "7"),
        ("3 + 4 = 7", "7"),
        (r"|w| = \frac{5}{13}", r"\frac{5}{13}"),
        (r"\Rightarrow \frac{1000}{-8} = -125", "-125"),
        ("x = 5", "x = 5"),
        ("x^2 - 4 = 0", "x^2 - 4 = 0"),
        ("y = 2x + 3", "y = 2x + 3"),
        (r"1 < x = 2", "1 < x = 2"),
    ],
)
def test_a_calculation_comes_to_its_last_side_and_an_equation_stays(formula, value):
    assert outcome(formula) == value


def test_an_equation_that_is_asked_for_keeps_both_sides():
    assert answer_in("The equation of the line is $2x+3y=6$.") == "2x+3y=6"
    assert answer_in("The sum of both is $x+y=6$.") == "6"
