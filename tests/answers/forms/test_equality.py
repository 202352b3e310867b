"""Expressions are the same exactly if they have the same values."""

from hypothesis import given
from hypothesis import strategies as st
from tests.answers.forms.written import same


@given(st.integers(1, 9), st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 5))
def test_a_product_is_its_expansion_and_not_another_polynomial(a, b, c, change):
    product = f"({a}x+({b}))(x+({c}))"
    assert same(product, f"{a}x^2+({a * c + b})x+({b * c})")
    assert not same(product, f"{a}x^2+({a * c + b})x+({b * c + change})")
