"""AIME, the American Invitational Mathematics Examination (problems by the MAA), as the common JSONL copies have it.

    {"id": 60, "problem": "Every morning Aya ...", "solution": "...", "answer": "204", "url": "https://..."}

Answers are integers from 0 to 999; a zero in front (`025`) is dropped, as a solver writes them. For evaluation, not for training.
"""

import re

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem


def problem(row: Row) -> Problem:
    """The problem of a row."""
    statement, answer = row.text("problem"), row.word("answer")
    if not re.fullmatch(r"[0-9]{1,3}", answer):
        raise row.wrong("answer", "an integer from 0 to 999 is right")
    kept = {name: row.values[name] for name in ("solution", "url") if isinstance(row.values.get(name), str)}
    return Problem(
        id=f"aime-{row.word('id')}" if row.values.get("id") is not None else content_id("aime", statement),
        statement=statement,
        gold=str(int(answer)),
        category="aime",
        source="aime",
        meta=kept,
    )


SOURCE = Source("aime", problem, licence="", hub=Hub("HuggingFaceH4/aime_2024"))
