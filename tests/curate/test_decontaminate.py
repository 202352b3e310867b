"""Statements of an evaluation set are found in training problems, whole and in part; forms are not."""

import gzip
from itertools import islice
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.traces import trace

from nemoflow.curate.decontaminate import EvalIndex, survey, words_of
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.split import draw
from nemoflow.records import Problem

NATALIA = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips in all?"


def evaluation(*statements):
    return [Problem(id=f"e{number}", statement=text, gold="1", category="x", source="test") for number, text in enumerate(statements)]


@pytest.mark.parametrize(
    "statement",
    [
        NATALIA,
        NATALIA.upper().replace(" ", "\n "),
        "Once upon a time, natalia sold clips to 48 of her friends in april. What then?",
    ],
)
def test_a_statement_that_equals_or_shares_a_run_of_words_matches(statement):
    assert EvalIndex(evaluation("Another.", NATALIA)).match(statement).eval_id == "e1"


@pytest.mark.parametrize(
    "statement",
    ["Natalia sold clips to 49 of her friends in May.", "How many clips?", "", "Paul sold clips to 48 of his friends in April."],
)
def test_other_numbers_or_fewer_words_do_not_match(statement):
    assert EvalIndex(evaluation("Another.", NATALIA)).match(statement) is None


def test_a_shorter_run_finds_more():
    statement = "Paul sold clips to 48 of his friends."
    assert EvalIndex(evaluation(NATALIA), words=4).match(statement).text == "sold clips to 48"


@given(st.text(), st.text())
def test_every_statement_matches_itself_and_words_are_lower_case(statement, other):
    if statement:
        assert EvalIndex(evaluation(statement, other or "x")).match(statement).eval_id == "e0"
    assert all(word == word.casefold() for word in words_of(other))


@pytest.mark.parametrize("count", [20, 100])
@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_puzzles_of_one_form_with_other_hidden_parameters_do_not_match(kind, count):
    held_out = list(islice(draw(FAMILIES[kind], "eval", 2), count))
    statements = [problem.statement for problem in islice(draw(FAMILIES[kind], "train", 1), 500)]
    index = EvalIndex(held_out, statements)
    assert [statement for statement in statements if index.match(statement)] == []
    assert all(index.match(problem.statement).eval_id == problem.id for problem in held_out)


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_a_puzzle_is_found_with_words_before_and_after_it(kind):
    held_out = list(islice(draw(FAMILIES[kind], "eval", 2), 40))
    index = EvalIndex(held_out, [problem.statement for problem in islice(draw(FAMILIES[kind], "train", 1), 200)])
    missed = [problem.id for problem in held_out if index.match(f"Here is one. {problem.statement} Think well.") is None]
    assert missed == []


def test_the_share_counts_problems_once_however_many_traces_they_have():
    rows = [trace("a", statement=NATALIA), trace("b", statement=NATALIA), trace("c", number=2)]
    found = survey(rows, {}, EvalIndex(evaluation(NATALIA)))
    assert (found.problems, found.share) == (2, 0.5)
    decisions = list(found.decide(rows))
    assert [decision.reason for decision in decisions] == ["contaminated", "contaminated", ""]
    assert decisions[0].details == {"matched_eval": "e0", "matched_text": "the whole statement"}


def test_the_500_problems_of_math_500_are_found_in_the_5000_they_were_taken_from():
    files = [Path(__file__).parents[2].parent / "shared" / "data" / name for name in ("math500.jsonl.gz", "math_test_5000.jsonl.gz")]
    if not all(file.exists() for file in files):
        pytest.skip("../shared/data is not here; it holds both sets")
    small, large = ([orjson.loads(line)["problem"] for line in gzip.decompress(file.read_bytes()).splitlines()] for file in files)
    index = EvalIndex(evaluation(*small), large)
    matches = [match for statement in large if (match := index.match(statement))]
    assert sum(match.text == "the whole statement" for match in matches) == 500
    assert len(matches) < 650
