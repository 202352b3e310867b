"""A run in one sentence."""

from hypothesis import given
from hypothesis import strategies as st
from tests.flow.toy import line, place

from nemoflow.flow.local import run_local
from nemoflow.flow.summary import in_words, summarize


def test_a_run_that_found_nothing_new_says_so(tmp_path):
    run_local(line(), first := place(tmp_path, "one"))
    run_local(line(), again := place(tmp_path, "two"))
    run_local(line(page=1), other := place(tmp_path, "three"))
    assert summarize(first.store, "one") == "5 of 5 steps done by this run, 0 reused from others"
    assert summarize(again.store, "two") == "nothing changed: all 3 steps reused"
    assert summarize(other.store, "three") == "3 of 5 steps done by this run, 2 reused from others"
    assert summarize(other.store, "four") == ""


def test_a_run_that_is_not_done_has_no_summary(tmp_path):
    run_local(line(), here := place(tmp_path, "one"))
    here.store.delete("runs/one/page/manifest.json")
    assert summarize(here.store, "one") == ""


@given(st.lists(st.booleans(), min_size=1))
def test_nothing_changed_is_said_exactly_where_nothing_ran(reused):
    assert ("nothing changed" in in_words(reused)) == all(reused)
