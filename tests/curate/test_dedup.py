"""Duplicates go, the best copy stays, and the order of the rows decides nothing."""

import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curate.traces import THINKING, trace

from nemoflow.curate.dedup import survey


def kept_ids(rows, *how):
    return sorted(decision.trace.id for decision in survey(rows, *how).decide(rows) if decision.is_kept)


def words(seed, count=150):
    draw = Random(seed)
    return [f"w{draw.randrange(5000)}" for _ in range(count)]


def test_a_response_said_twice_to_one_problem_goes_and_to_another_stays():
    rows = [trace("a"), trace("b"), trace("c", number=2), trace("d", thinking=THINKING.upper() + "  ")]
    assert kept_ids(rows) == ["a", "c"]
    [_, decision, _, _] = survey(rows).decide(rows)
    assert (decision.reason, decision.details) == ("exact-duplicate", {"duplicate_of": "a"})


def test_the_right_copy_is_better_than_the_wrong_and_the_shorter_than_the_longer():
    assert kept_ids([trace("a", verdict="wrong"), trace("b", verdict="unclear"), trace("c")]) == ["c"]
    assert kept_ids([trace("a", thinking=f"{THINKING}\n\n\nSo."), trace("b", thinking=f"{THINKING}\nSo.")]) == ["b"]


def test_problems_that_ask_the_same_keep_the_traces_of_the_first():
    rows = [
        trace("a", number=2, statement="What is  one plus one?"),
        trace("b", number=1, statement="what is one plus one?"),
        trace("c", number=1, statement="what is one plus one?", thinking="Other words."),
        trace("d", number=3, statement="What is one plus three?"),
    ]
    assert kept_ids(rows, "statement") == ["b", "c", "d"]
    assert next(iter(survey(rows, "statement").decide(rows))).details == {"duplicate_of": "p1"}


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(trace, st.sampled_from("abcdef"), thinking=st.sampled_from(["x", "X", "y  y", "y y"]), number=st.sampled_from([1, 2])),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_what_is_kept_does_not_depend_on_the_order(rows, draw):
    shuffled = draw.sample(rows, len(rows))
    for how in (("response",), ("statement",)):
        assert kept_ids(rows, *how) == kept_ids(shuffled, *how)


def planted(pairs):
    """Traces of which every second is the one before with three words of 150 changed."""
    rows = []
    for number in range(pairs):
        base = words(number)
        copy = list(base)
        for place in Random(number).sample(range(150), 3):
            copy[place] = "changed"
        rows += [trace(f"{number:03d}a", thinking=" ".join(base)), trace(f"{number:03d}b", thinking=" ".join(copy) + " and so on")]
    return rows


def test_planted_near_duplicates_are_found_whatever_the_order_and_others_are_left():
    pytest.importorskip("rensa", reason="near duplicates need the extra `curate`")
    rows = planted(100)
    kept = kept_ids(rows, "response", 0.7)
    assert kept == [f"{number:03d}a" for number in range(100)]
    assert kept_ids(Random(1).sample(rows, len(rows)), "response", 0.7) == kept
    assert len(kept_ids(rows, "response", 0.99)) == len(rows)


def test_near_duplicates_name_the_row_that_was_kept_and_chains_do_not_drop():
    pytest.importorskip("rensa", reason="near duplicates need the extra `curate`")
    base = words(0)
    second, third = ([f"x{place}" if place < changed else word for place, word in enumerate(base)] for changed in (15, 30))
    rows = [
        trace(name, thinking=" ".join([*text, name * 200 * n]))
        for n, (name, text) in enumerate(zip("abc", (base, second, third), strict=True))
    ]
    decisions = list(survey(rows, "response", 0.72).decide(rows))
    assert [decision.reason for decision in decisions] == ["", "near-duplicate", ""]
    assert decisions[1].details == {"duplicate_of": "a"}


def test_near_statements_take_all_traces_of_the_later_problem():
    pytest.importorskip("rensa", reason="near duplicates need the extra `curate`")
    asked = " ".join(words(3))
    rows = [
        trace("a", number=1, statement=asked),
        trace("b", number=2, statement=asked + " now"),
        trace("c", number=2, statement=asked + " now"),
    ]
    assert kept_ids(rows, "statement", 0.8) == ["a"]
    assert kept_ids(rows, "statement") == ["a", "b", "c"]


def test_near_duplicates_without_rensa_are_refused_naming_the_extra():
    code = "import sys; sys.modules['rensa'] = None; from nemoflow.curate.dedup import survey; survey([], 'response', 0.8)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ConfigError: dedup.near" in done.stderr
    assert "nemoflow[curate]" in done.stderr
