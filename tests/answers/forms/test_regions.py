"""A set of numbers is the same however it is written."""

from hypothesis import given
from hypothesis import strategies as st
from tests.answers.forms.written import same


@given(st.integers(-20, 20), st.integers(1, 20), st.booleans(), st.booleans())
def test_an_interval_is_its_inequality_and_its_ends_count(low, width, low_closed, high_closed):
    interval = f"{'[' if low_closed else '('}{low}, {low + width}{']' if high_closed else ')'}"
    signs = ["\\le" if closed else "<" for closed in (low_closed, high_closed)]
    assert same(interval, f"{low} {signs[0]} x {signs[1]} {low + width}")
    assert not same(interval, f"{low - 1} {signs[0]} x {signs[1]} {low + width}")
    assert not same(interval, f"{low} {'<' if low_closed else '<='} x {signs[1]} {low + width}")
