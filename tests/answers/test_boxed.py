"""Boxes as a reader takes them, and what may follow them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.boxed import BOX, after_box, balanced, candidates, ends_with_box, last_box

WELL_FORMED = st.recursive(
    st.text(alphabet="ab1 +\n").map(str), lambda inner: st.lists(inner).map(lambda parts: "{" + "".join(parts) + "}"), max_leaves=8
)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"is $\boxed{18}$ dollars, as \text{said}", "18"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{ \{1, 2\} } and }", r"\{1, 2\}"),
        (r"\boxed{\left\{1}", r"\left\{1"),
        (r"\boxed{3} then \boxed{}", "3"),
        (r"\boxed{3} then \boxed{4", "3"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{4", None),
        ("4", None),
    ],
)
def test_a_reader_takes_the_last_closed_box_that_holds_something(text, content):
    assert balanced(text) == content


@given(WELL_FORMED.filter(str.strip), st.text(alphabet="}{ x"))
def test_matched_braces_end_a_box_whatever_follows(content, after):
    assert balanced(f"so {BOX}{content}}}{after}") == content.strip()


def test_a_hundred_thousand_braces_are_read_in_one_pass():
    deep = "{" * 100_000 + "}" * 100_000
    assert balanced(f"{BOX}{deep}}}") == deep
    assert balanced(BOX * 20_000) is None
    assert last_box(f"{BOX}{deep}}}") == deep


@given(st.text(alphabet="\\boxed{}x"))
def test_both_revisions_find_a_box_in_the_same_texts(text):
    assert (last_box(text, "b") is None) == (last_box(text, "c") is None) == (BOX not in text)
    assert len(candidates(text, "c")) == text.count(BOX)


@pytest.mark.parametrize("tail", ["", "\n", "$", "$.", " $$", r"\]", r"\).", "**"])
def test_closing_marks_may_follow_the_box(tail):
    assert ends_with_box(rf"so \boxed{{7}}{tail}")


@pytest.mark.parametrize("text", [r"\boxed{7} dollars", r"\boxed{7} 8", r"\boxed{7", "7", r"\boxed{7}\text{m} ok"])
def test_words_numbers_or_no_closing_brace_are_not_the_end(text):
    assert not ends_with_box(text)


def test_what_follows_a_box_starts_after_its_last_brace():
    assert after_box(r"\boxed{7} and } so") == " so"
    assert after_box(r"\boxed{7") is None
