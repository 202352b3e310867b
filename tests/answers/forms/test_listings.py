"""Sets and lists are what they hold; tuples are that in order."""

from hypothesis import given
from hypothesis import strategies as st
from tests.answers.forms.written import same


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_sets_and_lists_are_the_same_in_any_order_and_tuples_are_not(numbers, random):
    shuffled = random.sample(numbers, len(numbers))
    one, other = ", ".join(map(str, numbers)), ", ".join(map(str, shuffled))
    assert same(one, other)
    assert same(f"\\{{{one}\\}}", f"\\{{{other}\\}}")
    assert same(f"({one})", f"({other})") is (numbers == shuffled)
    assert not same(one, other.rpartition(",")[0])
