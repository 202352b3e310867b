import pytest

from nemoflow.answers.voting import open_same
from nemoflow.errors import InputError
from nemoflow.harvest.gold import count_votes, repair
from nemoflow.prompts.teacher import ask
from nemoflow.records import Problem, Trace, Verdict


def problem(gold):
    return Problem(id="p", statement="What is 6 * 7?", gold=gold, category="sum", source="t", meta={"level": 1})


def traces(*answers):
    """Each `answer` or `answer verdict`; wrong unless said."""
    for place, text in enumerate(answers):
        answer, _, verdict = text.partition(" ")
        judged = Verdict(verdict=verdict or "wrong", rule="r", extracted=answer, gold=None)
        response = f"\\boxed{{{answer}}}" if answer != "-" else "no box"
        yield Trace(
            id=str(place), problem_id="p", category="c", source="teacher", model="m", messages=ask("?"), response=response, verdict=judged
        )


def repaired(gold, *answers, min_votes=2):
    with open_same("symbolic") as same:
        votes = count_votes(traces(*answers), same)
        return repair(problem(gold), votes.get("p"), min_votes)


def test_a_missing_gold_is_what_most_say_however_they_write_it():
    found, what = repaired(None, "0.5 unclear", "1/2 unclear", "7 unclear", "- unclear")
    assert (found.gold, what) == ("0.5", "filled")
    assert found.meta == {"level": 1, "gold_by": "majority", "gold_votes": "2/4"}


def test_a_gold_that_all_contradict_is_repaired_and_marked():
    found, what = repaired("42", "43", "43", "44")
    assert (found.gold, what) == ("43", "repaired")
    assert found.meta == {"level": 1, "gold_by": "repaired", "gold_votes": "2/3", "gold_was": "42"}


@pytest.mark.parametrize("answers", [("42 right", "43", "43", "43"), ("43", "43", "43", "x unclear"), ("-", "-", "-"), ()])
def test_a_gold_that_anybody_reaches_or_that_nobody_could_contradict_stays(answers):
    assert repaired("42", *answers) == (problem("42"), "kept")


@pytest.mark.parametrize(("gold", "what"), [("42", "contradicted"), (None, "no-majority")])
def test_without_enough_agreement_nothing_is_made_up(gold, what):
    assert repaired(gold, "1", "2", "3") == (problem(gold), what)
    assert repaired(gold, "1", "1", "2", "2") == (problem(gold), what)
    assert repaired(gold, "1", "1", min_votes=3) == (problem(gold), what)


def test_a_trace_that_was_never_verified_is_named():
    with pytest.raises(InputError, match="row 1: trace '0' has no verdict"):
        count_votes([next(traces("1")).model_copy(update={"verdict": None})], lambda one, other: one == other)
