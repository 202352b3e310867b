r"""MATH (Hendrycks et al. 2021, arXiv 2103.03874; MIT) and its subset MATH-500 (Lightman et al. 2023, PRM800K; MIT).

    {"problem": "How many ...", "level": "Level 3", "type": "Algebra", "solution": "... has $\\boxed{2}$ ..."}
    {"problem": "Convert ...", "solution": "...", "answer": "...", "subject": "Precalculus", "level": 2, "unique_id": "test/..."}

Gold is the `answer` where there is one, else the last box of the solution. The category is `math_algebra` and the like.
"""

import re

from nemoflow.answers.boxed import balanced
from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem

_BARE_BOX = re.compile(r"\\boxed\s+([^\s{}$\\])")
_LEVEL = re.compile(r"(?:Level )?([1-5])")


def problem(row: Row) -> Problem:
    """The problem of a row."""
    statement, solution = row.text("problem"), _with_plain_boxes(row.text("solution"))
    gold = row.word("answer") if row.values.get("answer") is not None else balanced(solution)
    if gold is None:
        raise row.wrong("solution", r"a solution with its answer in a closed \boxed{} is right")
    subject = row.text(row.first_of("type", "subject"))
    return Problem(
        id=row.word("unique_id") if row.values.get("unique_id") is not None else content_id("math", statement),
        statement=statement,
        gold=gold,
        category="math_" + re.sub(r"[^a-z]+", "_", subject.lower()).strip("_"),
        source="hendrycks_math",
        meta={"solution": solution} | _level(row),
    )


def _with_plain_boxes(solution: str) -> str:
    r"""A few solutions write `\boxed 2` or `\fbox{2}` for `\boxed{2}`."""
    return _BARE_BOX.sub(r"\\boxed{\1}", solution).replace(r"\fbox{", r"\boxed{")


def _level(row: Row) -> dict[str, int]:
    """Level 1 to 5; two problems of the set have `Level ?`, and lose it."""
    found = _LEVEL.fullmatch(str(row.values.get("level")))
    return {"level": int(found[1])} if found else {}


SOURCE = Source("math", problem, licence="MIT", hub=Hub("HuggingFaceH4/MATH-500", split="test"))
