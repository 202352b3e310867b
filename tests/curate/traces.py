"""Traces and problems for the tests of curate and of its steps."""

from nemoflow.prompts.chat import render_response
from nemoflow.prompts.teacher import ask
from nemoflow.records import Problem, Trace, Verdict

THINKING = "Twice two is the same as two and two, and two and two is four, so the answer that was asked for is four."


def problem(number=1, statement=None, gold="4", category="sum", **fields):
    return Problem(
        id=f"p{number}", statement=statement or f"What is {number} plus {number}?", gold=gold, category=category, source="test", **fields
    )


def trace(name="t1", response=None, thinking=THINKING, answer="4", verdict="right", statement=None, number=1, **fields):
    asked = problem(number, statement)
    made = render_response(thinking, answer) if response is None else response
    judged = None if verdict is None else Verdict(verdict=verdict, rule="competition", extracted=answer, gold="4")
    values = {"category": "sum", "source": "teacher", "model": "solver", "messages": ask(asked.statement), "answer": answer, **fields}
    return Trace(id=name, problem_id=asked.id, response=made, verdict=judged, **values)
