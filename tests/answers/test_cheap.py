"""The cheap steps of the cascade decide only where they cannot be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.cheap import normalised, settle


@pytest.mark.parametrize(
    ("gold", "predicted", "rule"),
    [
        ("18", " 18 ", "exact"),
        (r"\frac{1}{2}", r"$\dfrac{1}{2}$", "normalised"),
        (r"\left(3, \frac{\pi}{2}\right)", r"(3,\frac{\pi}{2})", "normalised"),
        ("73", "**73**", "normalised"),
        ("18", "$18", "normalised"),
        (r"10\,000", "10000", "normalised"),
        ("12345", "12,345", "number"),
        ("10{,}000", "10000", "number"),
        ("7", "+007.00", "number"),
        ("-3", "\u22123", "normalised"),
        (r"\text{Evelyn}", "evelyn", "words"),
        ("Tuesday", r"\text{ tuesday }.", "words"),
        (r"\frac{1}{2}", "0.5", "number"),
        (r"2\sqrt{3}", r"\sqrt{12}", "number"),
        ("xy", "yx", "expression"),
        (r"\{1, 2\}", "2, 1", "set"),
    ],
)
def test_equal_answers_are_right_by_the_first_step_that_sees_it(gold, predicted, rule):
    assert settle(gold, predicted) == (True, rule)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [("840", "840840"), ("7", "8"), ("-3", "3"), ("listen", "silent"), (r"\text{Evelyn}", "Carla"), ("1000", "1,00,0")],
)
def test_unequal_whole_numbers_and_words_are_never_right(gold, predicted):
    settled = settle(gold, predicted)
    assert settled is None or not settled[0]


@pytest.mark.parametrize(("gold", "predicted"), [("2", r"\int_0^2 1 dx"), ("1 2", "12"), (r"\lim_{x\to 0} x", "0"), ("5", "9^{9^{9^9}}")])
def test_what_is_not_read_is_left_to_a_computer_algebra_system(gold, predicted):
    assert settle(gold, predicted) is None


@given(st.integers(), st.integers())
def test_whole_numbers_are_compared_by_value(gold, predicted):
    settled = settle(str(gold), f"{predicted:,}")
    assert settled is not None
    assert settled[0] is (gold == predicted)


def test_numbers_longer_than_python_parses_are_compared():
    assert settle("1" * 10_000, "0" + "1" * 10_000) == (True, "number")


@given(st.text())
def test_a_text_equals_itself_and_its_normal_form_is_one_of_no_blanks_at_its_ends(text):
    assert settle(text, text) == (True, "exact")
    assert normalised(text) == normalised(text).strip()


PIECES = [
    *"(){}[],07x=!^_|%ji",
    "42",
    ".5",
    *(f"\\{name}" for name in ("max", "min", "gcd", "lcm", "log", "frac", "binom", "sqrt", "sin", "pm")),
]


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.sampled_from(["{}", "{}(42)", "{}(4,2)", "{}{{4}}{{2}}"]))
def test_whatever_formula_is_written_the_steps_end_without_an_error(pieces, form):
    settled = settle("42", form.format(pieces))
    assert settled is None or isinstance(settled[0], bool)
