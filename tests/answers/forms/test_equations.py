"""An equation and an inequality are the same times a number; an equation for a name is its value too."""

from hypothesis import given
from hypothesis import strategies as st
from tests.answers.forms.written import same

NUMBERS = st.integers(-30, 30)
FACTORS = st.integers(2, 9)


@given(NUMBERS, NUMBERS, FACTORS)
def test_an_equation_is_itself_times_a_number_and_not_another(slope, height, factor):
    equation = f"2x+({slope})y=({height})"
    assert same(equation, f"{2 * factor}x+({factor * slope})y=({factor * height})")
    assert not same(equation, f"2x+({slope})y=({height + 1})")


@given(NUMBERS)
def test_an_equation_for_a_name_is_its_value_and_not_that_of_another_name(value):
    assert same(f"x = {value}", str(value))
    assert same(str(value), f"x = {value}")
    assert not same(f"x = {value}", f"z = {value}")
    assert not same(f"x = {value}", str(value + 1))


@given(NUMBERS, FACTORS)
def test_an_inequality_turns_around_with_a_negative_factor(bound, factor):
    assert same(f"x+y > {bound}", f"-{factor}x-{factor}y < {-factor * bound}")
    assert not same(f"x+y > {bound}", f"{factor}x+{factor}y < {factor * bound}")
    assert not same(f"x+y > {bound}", f"x+y >= {bound}")
