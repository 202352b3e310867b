r"""The contest's metric: both tables of vectors, and what holds for every text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.boxed import BOX
from nemoflow.answers.competition import NOT_FOUND, boxed_answer, extract, score, verify

EXTRACTION = [
    (r"x \boxed{42} y", "42", "42"),
    (r"\boxed{1} then \boxed{}", "1", "1"),
    (r"only \boxed{} and 7", "", ""),
    (r"\boxed{\frac{1}{2}}", r"\frac{1", r"\frac{1}{2}"),
    (r"\boxed{}52}", "", "}52"),
    (r"\boxed{7} and }", "7", "7} and"),
    (r"\boxed{32.81}. Wait, check \begin{a} x \end{a}", "32.81", r"32.81}. Wait, check \begin{a} x \end{a"),
    (r"\boxed{a}\boxed{b}{c}", "b", "b}{c"),
    ("\\boxed{abc\nmore text", "abc\nmore text", "abc\nmore text"),
    (r"\boxed{16.65 \text{ m}}", r"16.65 \text{ m", r"16.65 \text{ m}"),
    (r"\boxed {5} 9", "9", "9"),
    (r"\fbox{5} 9", "9", "9"),
    ("The final answer is: $7$", "$7$", "$7$"),
    ("**Final Answer**: 3 apples", "3", "3"),
    ("Final answer: 12 or 13\nfoo 99", "12 or 13", "12 or 13"),
    ("value 1e5", "5", "5"),
    ("no digits\nXXXVIII", "XXXVIII", "XXXVIII"),
    ("", NOT_FOUND, NOT_FOUND),
    (None, NOT_FOUND, NOT_FOUND),
]

COMPARISON = [
    ("10", "10.0", False),
    ("01", "1", False),
    ("00011011", "11011", False),
    ("0", "0.000001", False),
    ("0.00", "0.000001", True),
    ("100.0", "100", True),
    ("24.64", "24.40", True),
    ("154.62", "156.1", True),
    ("154.62", "156.2", False),
    ("7656", "7600", True),
    ("16.65", "16.65 m", False),
    ("16.65", "$16.65", False),
    ("12345", "12,345", False),
    ("XLVII", "xlvii", True),
    ("nan", "nan", False),
    ("inf", "Infinity", True),
    ("1_5", "15", True),
    ("7656", "\uff17\uff16\uff15\uff16", True),
]


@pytest.mark.parametrize(("text", "under_b", "under_c"), EXTRACTION)
def test_extraction_matches_the_published_vectors(text, under_b, under_c):
    assert (extract(text, "b"), extract(text, "c")) == (under_b, under_c)


@pytest.mark.parametrize(("truth", "predicted", "counts"), COMPARISON)
def test_comparison_matches_the_published_vectors(truth, predicted, counts):
    assert verify(truth, predicted) is counts


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Final answer: 1\nfinal answer: 2", "2"),
        ("THE FINAL ANSWER IS: a\nfinal answer: b", "a"),
        ("final answer \uff1a 7 m", "7 m"),
        ("Final answer:\n\n  8 apples", "8 apples"),
        ("final answer:", "final answer:"),
        ("final answer is 12.50, not -3.5.", "-3.5"),
        ("12,345", "345"),
        ("a\x0bb", "b"),
        (" \n\t", NOT_FOUND),
    ],
)
def test_without_a_box_a_phrase_then_a_number_then_the_last_line_counts(text, answer):
    assert extract(text) == answer


def test_revision_b_takes_a_box_within_a_box_as_text():
    assert extract(r"\boxed{\boxed{3}}", "b") == r"\boxed{3"
    assert extract(r"\boxed{\boxed{3}}", "c") == "3}"


@given(st.text().filter(lambda answer: BOX not in answer and answer.strip()), st.text().filter(lambda text: BOX not in text))
def test_a_response_that_ends_right_after_its_box_gives_the_boxed_text_under_c(answer, before):
    assert extract(f"{before}{BOX}{answer}}}") == answer.strip()


@given(st.text(alphabet="01"), st.text(alphabet="01.+ "))
def test_binary_truths_match_as_text_only(truth, predicted):
    if truth:
        assert verify(truth, predicted) is (truth == predicted.strip())


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-0.5, 0.5))
def test_floats_match_within_one_per_cent_of_the_larger(value, shift):
    truth, other = f"{value!r}", f"{value * (1 + shift)!r}"
    if set(truth) - {"0", "1"}:
        assert verify(truth, other) is math.isclose(value, value * (1 + shift), rel_tol=0.01, abs_tol=1e-5)


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared_and_equal_ones_match_unless_nan(truth, predicted):
    assert verify(truth, predicted) in (True, False)
    assert verify(truth, truth) or math.isnan(float(truth))


@given(st.one_of(st.none(), st.text(alphabet="\\boxed{}final answer:7-.\n ")), st.sampled_from(["b", "c"]))
def test_every_text_has_an_answer_and_it_is_stripped(text, revision):
    answer = extract(text, revision)
    assert answer == answer.strip()
    assert boxed_answer(text, revision) in (None, answer)


def test_the_score_is_matches_by_truths_and_truths_are_turned_to_text_first():
    result = score([(42, r"\boxed{42}"), ("0.5", r"\boxed{\frac12}"), (2.5, "2.51"), ("x", None)])
    assert (result.right, result.total, result.accuracy) == (2, 4, 0.5)
    assert score([]).accuracy == 0.0
