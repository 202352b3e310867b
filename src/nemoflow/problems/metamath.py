"""MetaMathQA (Yu et al. 2023, arXiv 2309.12284; MIT): GSM8K and MATH questions asked in other ways, with solutions.

    {"query": "Gracie and Joe ...", "response": "... The answer is: 1", "type": "GSM_Rephrased", "original_question": "..."}

Gold is what follows the last `The answer is:`. A question that was answered several times is one problem with several solutions.
"""

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem

MARK = "The answer is:"


def problem(row: Row) -> Problem:
    """The problem of a row."""
    query, response = row.text("query"), row.text("response")
    solution, found, gold = response.rpartition(MARK)
    if not found or not gold.strip():
        raise row.wrong("response", f"a solution that ends in `{MARK} N` is right")
    kind = row.values.get("type")
    meta = {name: row.values[name] for name in ("type", "original_question") if isinstance(row.values.get(name), str)}
    return Problem(
        id=content_id("metamath", query),
        statement=query,
        gold=gold.strip().rstrip("."),
        category="metamath_gsm" if isinstance(kind, str) and kind.startswith("GSM") else "metamath_math",
        source="metamath",
        meta={"solution": solution.strip()} | meta,
    )


SOURCE = Source("metamath", problem, licence="MIT", hub=Hub("meta-math/MetaMathQA"), has_several=True)
