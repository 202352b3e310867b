"""Verdicts on attempts, and agreement with another grader on real responses."""

import gzip
from collections import Counter
from pathlib import Path

import orjson
import pytest

from nemoflow.answers.verdicts import Attempt, open_verifier

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def rows(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not here; it holds real responses")
    with gzip.open(path) as file:
        return [orjson.loads(line) for line in file]


def verdicts_of(metric, attempts, **limits):
    with open_verifier(metric, **limits) as verdicts:
        return list(verdicts(attempts))


@pytest.mark.parametrize("metric", ["competition", "symbolic"])
def test_an_attempt_without_a_gold_answer_a_response_or_an_answer_has_a_verdict_and_its_rule(metric):
    attempts = [
        Attempt("7", r"\boxed{7}"),
        Attempt("7", r"\boxed{8}"),
        Attempt(None, r"\boxed{7}"),
        Attempt("7", "", error="HTTP 500"),
        Attempt("7", ""),
        Attempt("7", r"\boxed{}"),
        Attempt("7", r"wait \boxed{7} no, \bo", is_truncated=True),
    ]
    found = verdicts_of(metric, attempts)
    assert [verdict.verdict for verdict in found] == ["right", "wrong", "unclear", "wrong", "wrong", "wrong", "right"]
    assert [verdict.rule for verdict in found[2:6]] == ["no-gold", "error", "no-answer", "no-answer"]
    assert found[3].reason == "HTTP 500"
    assert "cut off" in found[6].reason


def test_revision_b_is_used_where_it_is_asked_for():
    attempt = Attempt(r"\frac{1}{2}", r"\boxed{\frac{1}{2}}")
    assert [verdicts_of("competition", [attempt], revision=revision)[0].verdict for revision in ("b", "c")] == ["wrong", "right"]


def test_a_pair_that_cannot_be_decided_is_unclear_with_the_reason():
    [verdict] = verdicts_of("symbolic", [Attempt("5", r"\boxed{9^{9^{9^9}}}")], timeout_s=0.5)
    assert (verdict.verdict, verdict.rule) == ("unclear", "time-limit")
    assert "CPU" in verdict.reason


def test_symbolic_verdicts_agree_with_the_grader_of_800_real_responses_to_math_problems():
    problems = rows("math_cot_100x8_responses.jsonl.gz")
    attempts = [Attempt(row["gt"], response) for row in problems for response in row["code"]]
    scores = [score for row in problems for score in row["score"]]
    found = verdicts_of("symbolic", attempts, workers=2)
    differing = [
        (verdict.gold, verdict.extracted)
        for verdict, is_right in zip(found, scores, strict=True)
        if (verdict.verdict == "right") != is_right
    ]
    assert set(differing) <= {("10{,}000", "10000")}, "that grader does not read {,} as a thousands separator"
    assert Counter(verdict.verdict for verdict in found)["unclear"] == 0


def test_gold_answers_of_gsm8k_are_found_in_real_responses_with_a_box_inside_a_sentence():
    found = verdicts_of("symbolic", [Attempt(row["gt"], row["code"][0]) for row in rows("gsm8k_tora70b_responses.jsonl.gz")[:400]])
    assert 0.8 < Counter(verdict.verdict for verdict in found)["right"] / 400 < 0.9


def test_the_gold_answers_of_math_500_are_right_against_their_own_solutions():
    problems = rows("math500.jsonl.gz")
    found = verdicts_of("symbolic", [Attempt(row["answer"], row["solution"]) for row in problems], workers=2)
    wrong = [(verdict.gold, verdict.extracted) for verdict in found if verdict.verdict != "right"]
    assert len(wrong) <= 2, wrong
