"""StackExchange-Math as StackMathQA has it (Zhang et al. 2024): questions of math.stackexchange.com and its sisters, with answers.

    {"Q": "...", "A": "...", "meta": {"url": "https://math.stackexchange.com/...", "source": "stackexchange", "question_score": "4"}}
    {"Q": "...", "A_List": ["...", "..."]}

There is no gold answer: whoever wants one harvests several samples and takes what most of them say. The texts are CC BY-SA, so who
passes them on names the page; `meta.url` keeps it.
"""

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem


def problem(row: Row) -> Problem:
    """The problem of a row in either layout."""
    statement = row.text("Q")
    answers = row.values.get("A_List", [row.values.get("A")])
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise row.wrong("A_List" if "A_List" in row.values else "A", "an answer in `A`, or a list of them in `A_List`, is right")
    told = row.values.get("meta")
    kept = {"url": told["url"]} if isinstance(told, dict) and isinstance(told.get("url"), str) else {}
    given = [answer for answer in answers if answer.strip()]
    solutions = ({"solution": given[0]} if given else {}) | ({"solutions": given} if len(given) > 1 else {})
    return Problem(
        id=content_id("stackexchange", statement),
        statement=statement,
        gold=None,
        category="stackexchange",
        source="stackexchange",
        meta=solutions | kept,
    )


SOURCE = Source("stackexchange", problem, licence="CC BY-SA 4.0", hub=Hub("math-ai/StackMathQA"), has_several=True)
