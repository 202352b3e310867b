"""Numbers are the same exactly if their values are."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from tests.answers.forms.written import latex, same

FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=97)


@given(FRACTIONS, FRACTIONS)
def test_fractions_are_the_same_exactly_if_their_values_are(one, other):
    assert same(latex(one), f"{other.numerator}/{other.denominator}") is (one == other)
    assert same(latex(one), f"({other.numerator})/({other.denominator})") is (one == other)


@given(st.integers(-(10**12), 10**12), st.integers(1, 9), st.integers(10, 99))
def test_mixed_numbers_are_sums_and_periods_are_fractions(whole, above, below):
    value = abs(whole) + Fraction(above, below)
    assert same(latex(value), f"{abs(whole)}\\frac{{{above}}}{{{below}}}")
    assert same(f"\\frac{{{below}}}{{99}}", f"0.\\overline{{{below}}}")


@given(st.integers(1, 10**6), st.integers(1, 5))
def test_a_number_is_not_itself_written_twice_nor_with_digits_more(number, digits):
    assert not same(str(number), str(number) * 2)
    assert not same(str(number), f"{number}{'1' * digits}")
    assert not same(str(number), f"{number} {number}")
