r"""Problems of the Art of Problem Solving forum in the layouts of their common collections.

    {"problem": "Let $ABC$ ...", "solution": "... \\boxed{3}", "link": "https://artofproblemsolving.com/..."}
    {"rewritten_question": "...", "rewritten_answers": ["... \\boxed{3}", "..."]}
    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}

Gold is the last closed box of the first solution that has one; many forum answers have none. Collections differ in their licences.
"""

from typing import Any

from nemoflow.answers.boxed import balanced
from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem

ANSWERS = ("rewritten_answers", "solutions", "original_answers")


def problem(row: Row) -> Problem:
    """The problem of a row in any of the layouts."""
    statement, solutions = _turns(row) if "messages" in row.values else _fields(row)
    link = next((row.values[name] for name in ("link", "url") if isinstance(row.values.get(name), str)), None)
    meta: dict[str, Any] = {"url": link} if link else {}
    if solutions:
        meta["solution"] = solutions[0]
    if len(solutions) > 1:
        meta["solutions"] = solutions
    gold = next((found for solution in solutions if (found := balanced(solution)) is not None), None)
    return Problem(id=content_id("aops", statement), statement=statement, gold=gold, category="aops", source="aops", meta=meta)


def _fields(row: Row) -> tuple[str, list[str]]:
    statement = row.text(row.first_of("problem", "rewritten_question", "question", "original_question"))
    several = next((name for name in ANSWERS if row.values.get(name) is not None), None)
    if several is None:
        one = row.values.get("solution", row.values.get("answer"))
        return statement, [one] if isinstance(one, str) and one.strip() else []
    found = row.values[several]
    if not isinstance(found, list) or not all(isinstance(solution, str) for solution in found):
        raise row.wrong(several, "a list of texts is right")
    return statement, [solution for solution in found if solution.strip()]


def _turns(row: Row) -> tuple[str, list[str]]:
    return row.turn("user"), [row.turn("assistant")]


SOURCE = Source("aops", problem, licence="", hub=Hub("DeepStudentLlama/AoPS-Instruct"), has_several=True)
