"""Times of day and dates are the same however they are written, and where one says less than the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers.forms.written import same


@given(st.integers(1, 12), st.integers(0, 59), st.sampled_from(["am", "pm"]))
def test_a_time_without_its_half_is_either_and_halves_differ(hour, minute, half):
    time, other = f"{hour}:{minute:02}", {"am": "pm", "pm": "am"}[half]
    assert same(f"{time} {half}", f"{time} {half[0]}.m.")
    assert same(f"{time} {half}", time)
    assert not same(f"{time} {half}", f"{time} {other}")
    assert not same(f"{time} {half}", f"{hour}:{(minute + 1) % 60:02} {half}")


@pytest.mark.parametrize("day", ["July 4, 2023", "July 4"])
def test_a_date_without_its_year_is_that_of_any_year(day):
    assert same(day, "4 July")
    assert same("July 4", day)
    assert not same(day, "July 5")
    assert not same("July 4, 2023", "July 4, 2024")
