"""How a student is told its mode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.curate.statements import statement_of
from nemoflow.prompts.chat import user_message
from nemoflow.prompts.modes import MODES, has_python, message, told_mode
from nemoflow.records import Message, Trace


def test_without_a_mode_the_message_is_the_contests():
    assert message("What is 6 * 7?") == user_message("What is 6 * 7?")


def test_each_mode_is_told_in_words_of_its_own_behind_the_contests_message():
    told = {mode: message("?", mode).removeprefix(user_message("?")) for mode in MODES}
    assert len(set(told.values())) == len(MODES) == 7
    assert told["low"] == "\nEffort: low."
    assert told["high+python"] == "\nEffort: high, with Python."
    assert told["python"] == "\nWith Python."
    assert {mode for mode in MODES if has_python(mode)} == {mode for mode in MODES if "Python" in told[mode]}


@given(st.text(min_size=1).filter(str.strip), st.sampled_from(("", *MODES)))
def test_the_statement_is_found_again_whatever_the_mode(statement, mode):
    asked = (Message(role="user", content=message(statement, mode)),)
    trace = Trace(id="t", problem_id="p", category="c", source="student", model="m", messages=asked, response="")
    assert statement_of(trace) == statement


@pytest.mark.parametrize("mode", ["", "high", "pythonic"])
def test_only_python_is_python(mode):
    assert not has_python(mode)


@given(st.text(), st.sampled_from(["", *MODES]))
def test_a_told_mode_is_read_back_from_its_message(statement, mode):
    assert told_mode(message(statement, mode)) == mode
