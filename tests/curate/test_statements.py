"""One id for one statement, over every set that meets in a step."""

import pytest
from tests.curate.traces import problem, trace

from nemoflow.curate.statements import Statements
from nemoflow.errors import InputError


def test_an_id_that_stands_for_two_statements_is_refused_with_both_and_with_what_is_right():
    agreed = Statements()
    own = [problem(1, "What is 1 plus 1?"), problem(2)]
    assert list(agreed.agreeing(own, "own.jsonl")) == own
    words = r"public.jsonl: problem id 'p1' stands for 'How many apples\?' here, and for 'What is 1 plus 1\?' in own.jsonl; .*id_prefix"
    with pytest.raises(InputError, match=words):
        list(agreed.agreeing([trace(number=2), trace(number=1, statement="How many apples?")], "public.jsonl"))


def test_long_statements_that_begin_alike_are_told_apart_in_the_message():
    head = "In the kingdom of glass " * 9
    with pytest.raises(InputError, match=r"\.\.\. glass .* number 5\?. here, .* \.\.\. glass .* number 4\?. in p") as caught:
        list(Statements().agreeing([problem(1, head + "number 4?"), problem(1, head + "number 5?")], "p"))
    assert len(str(caught.value)) < 400


def test_blanks_and_traces_without_a_prompt_contradict_nothing():
    rows = [problem(1, "What is it?"), trace(statement="What  is\nit? "), trace(messages=())]
    assert list(Statements().agreeing(rows, "p")) == rows
