"""The solver teacher in modes: three efforts, Python, and a judge's word; asked for as a real teacher is.

An effort is told in the words for models without a switch (models/families.py). The more of it, the more the teacher writes and the less
it errs. Where it may run Python it writes the computation, waits for the output and answers with what it was shown.
"""

from collections.abc import Mapping, Sequence
from random import Random

from nemoflow.answers.cheap import settle
from nemoflow.models.families import PLAIN, Effort
from nemoflow.prompts.chat import render_response
from nemoflow.prompts.tools import CLOSE, FENCES, OPEN, OUTPUT
from nemoflow.puzzles.family import Solution
from nemoflow.puzzles.mistakes import Response, Run, respond
from nemoflow.puzzles.programs import program

ERRORS: Mapping[Effort, float] = {"high": 0.5, "medium": 1.0, "low": 2.0}
"""How often each effort errs, against the teacher's own rate."""
LEADS: Mapping[Effort, str] = {
    "high": "The rule is settled, so Python computes it.\n",
    "medium": "Python computes it.\n",
    "low": "",
}
"""What stands before a block of code."""

Turns = Sequence[tuple[str, str]]
"""(role, content) of each message."""


def effort_of(messages: Turns) -> Effort:
    """The effort that the system message asks for; `medium` where it says nothing of it."""
    told = "\n".join(content for role, content in messages if role == "system")
    return next((effort for effort in ("high", "low") if PLAIN.efforts[effort].system in told), "medium")


def respond_in_mode(kind: str, run: Run, statement: str, messages: Turns, rng: Random, error_rate: float) -> Response:
    """An answer, or the block of code that comes before it, with a mistake at the effort's rate."""
    effort = effort_of(messages)
    rate = min(1.0, error_rate * ERRORS[effort])
    code = program(kind, run(statement)[0]) if any(FENCES in content for role, content in messages if role == "system") else ""
    if code and rng.random() >= rate:
        return Response(f"{LEADS[effort]}{OPEN}\n{code}{CLOSE}\n")

    def shaped(asked: str) -> tuple[Solution, str]:
        solution, reasoning = run(asked)
        return solution, _shaped(reasoning, effort)

    return respond(shaped, statement, rng, 1.0 if code else rate)


def _shaped(reasoning: str, effort: Effort) -> str:
    """Low: where the reasoning ends up. High: all of it, and its end once more."""
    end = reasoning.rpartition("\n")[2]
    return {"low": end, "medium": reasoning, "high": f"{reasoning}\nonce more: {end}"}[effort] if reasoning else ""


def conclude(message: str) -> Response | None:
    """The answer to a message that hands over what a block of code printed; None for any other message."""
    if not message.startswith(f"{OUTPUT}\n"):
        return None
    printed = message.removeprefix(f"{OUTPUT}\n").partition(f"\n{CLOSE}")[0].strip().rpartition("\n")[2]
    return Response(render_response(f"It prints {printed}.", printed))


def judge(one: str, other: str) -> Response:
    """Whether two answers mean the same: by value where both have digits, else by their text."""
    values = settle(one, other) if all(any(map(str.isdigit, answer)) for answer in (one, other)) else None
    is_same = values[0] if values is not None else one.strip().lower() == other.strip().lower()
    found = "the same" if is_same else "different"
    return Response(f"{one!r} and {other!r} are {found}.\nJudgement: {'Yes' if is_same else 'No'}")
