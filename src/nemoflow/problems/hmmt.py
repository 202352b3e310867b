"""HMMT, the Harvard-MIT Mathematics Tournament, as MathArena has it (CC BY-NC-SA 4.0). For evaluation, not for training.

{"problem_idx": 1, "problem": "Compute ...", "answer": "103", "problem_type": ["Number Theory"]}
"""

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem


def problem(row: Row) -> Problem:
    """The problem of a row."""
    statement, kinds = row.text("problem"), row.values.get("problem_type")
    if kinds is not None and not (isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds)):
        raise row.wrong("problem_type", "a list such as ['Algebra'] is right")
    kept = {"problem_type": kinds} if kinds else {}
    return Problem(
        id=content_id("hmmt", statement), statement=statement, gold=row.word("answer"), category="hmmt", source="hmmt", meta=kept
    )


SOURCE = Source("hmmt", problem, licence="CC BY-NC-SA 4.0", hub=Hub("MathArena/hmmt_feb_2025"))
