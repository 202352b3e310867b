import pytest

from nemoflow.answers.verdicts import Attempt, by_competition
from nemoflow.errors import InputError
from nemoflow.harvest.attempts import Asking
from nemoflow.harvest.rationalize import Failure, choose, plan, settle
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.prompts.hints import mentions_hint
from nemoflow.prompts.teacher import ask
from nemoflow.records import Problem, Trace, Verdict

ASKING = Asking(Endpoint(url="http://127.0.0.1:1/v1", model="m"), Sampling(), Patience(), source="rationalized")


def problem(name, gold="42"):
    return Problem(id=name, statement="What is 6 * 7?", gold=gold, category="sum", source="t")


def trace(problem_id, sample=0, verdict="wrong", response="", **fields):
    judged = Verdict(verdict=verdict, rule="competition", extracted=None, gold="42") if verdict else None
    return Trace(
        id=f"{problem_id}-{sample}",
        problem_id=problem_id,
        sample=sample,
        category="sum",
        source="teacher",
        model="m",
        messages=ask("What is 6 * 7?"),
        response=response,
        verdict=judged,
        **fields,
    )


def parents(choice):
    return [failure.parent.id for failure in choice.failures]


def test_a_problem_is_asked_again_once_where_no_trace_is_right():
    traces = [trace("b", 1), trace("b", 0, "unclear"), trace("a", 0), trace("a", 1, "right"), trace("c", 0, "right")]
    choice = choose([problem("a"), problem("b"), problem("c"), problem("never asked")], traces, "problem")
    assert parents(choice) == ["b-0"]


def test_or_every_failed_trace_is_in_the_order_of_problems_and_samples():
    traces = [trace("b", 1), trace("b", 0, "unclear"), trace("a", 0), trace("a", 1, "right")]
    assert parents(choose([problem("a"), problem("b")], traces, "trace")) == ["a-0", "b-0", "b-1"]


def test_without_a_known_answer_nothing_can_be_told():
    choice = choose([problem("a", gold=None)], [trace("a", 0, "unclear"), trace("a", 1, "unclear")], "trace")
    assert (choice.failures, choice.dropped) == ([], {"no-gold": 2})


def test_a_trace_that_was_never_verified_is_named():
    with pytest.raises(InputError, match="row 2: trace 'a-1' has no verdict; wire the output of `verify`"):
        choose([problem("a")], [trace("a", 0), trace("a", 1, verdict=None)], "problem")


def test_failures_of_one_problem_are_asked_with_different_seeds():
    failures = [Failure(problem("a"), "42", trace("a", 0)), Failure(problem("a"), "42", trace("a", 1))]
    planned = plan(failures, 2, ASKING, 0, "")
    assert len({attempt.id for attempt, _ in planned}) == len({attempt.seed for attempt, _ in planned}) == 4
    assert all("known to be: 42" in attempt.messages[-1].content for attempt, _ in planned)


def settled(response, revision="c", **fields):
    made = trace("a", 0, None, response, **fields)
    verdict = by_competition(Attempt("42", response, made.error), revision)
    return settle(made, Failure(problem("a"), "42", trace("a", 3)), verdict, "", revision)


def test_what_verifies_is_kept_under_the_ordinary_prompt():
    kept = settled("<think>\n6 * 7 = 42\n</think>\n\\boxed{42}")
    assert kept.messages == ask("What is 6 * 7?")
    assert kept.meta == {"parent": "a-3", "hint": True}
    assert (kept.answer, kept.verdict.verdict) == ("42", "right")


def test_whether_there_is_a_box_is_the_revisions_to_say():
    response = "<think>\n6 * 7 = 42\n</think>\n\\boxed{} 42}"
    assert (settled(response, "b"), settled(response, "c")) == ("no-box", "wrong")


@pytest.mark.parametrize(
    ("response", "fields", "reason"),
    [
        ("", {"error": "timed out", "finish": "error"}, "endpoint-error"),
        ("<think>\n6 *", {"finish": "length"}, "truncated"),
        ("<think>\nit is 42\n</think>\n42", {}, "no-box"),
        ("<think>\nit is 41\n</think>\n\\boxed{41}", {}, "wrong"),
        ("<think>\nBy the hint it is 42.\n</think>\n\\boxed{42}", {}, "mentions-hint"),
    ],
)
def test_what_does_not_is_dropped_with_its_reason(response, fields, reason):
    assert settled(response, **fields) == reason


@pytest.mark.parametrize(
    "words",
    [
        "The known answer is 42.",
        "Since the correct answer is known to be 42,",
        "We are told that the answer is 42",
        "I already know the final answer",
        "as if I did not know it",
        "The answer is provided: 42.",
        "using the Hint",
    ],
)
def test_words_that_give_the_hint_away_are_found(words):
    assert mentions_hint(words, "What is 6 * 7?")


@pytest.mark.parametrize(
    "words", ["The answer is 42.", "The answer is given by 6 * 7.", "We are given that x = 6.", "The final answer: 42", "a hinted"]
)
def test_ordinary_words_are_not(words):
    assert not mentions_hint(words, "What is 6 * 7?")


def test_a_word_of_the_statement_is_no_mention():
    assert not mentions_hint("The hint says 6.", "Use the hint: x = 6.")
