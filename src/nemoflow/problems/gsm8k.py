r"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168; openai/grade-school-math, MIT): grade school word problems.

    {"question": "Weng earns $12 an hour ...", "answer": "Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\n...\n#### 10"}

Gold is what follows `####`, without thousands separators, since the contest's metric reads numbers as Python does.
"""

import re

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem

_FINAL = re.compile(r"####\s*(\S[^\n]*)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")


def problem(row: Row) -> Problem:
    """The problem of a row."""
    question, solution = row.text("question"), row.text("answer")
    finals = _FINAL.findall(solution)
    if not finals:
        raise row.wrong("answer", "a worked solution that ends in a line `#### N` is right")
    return Problem(
        id=content_id("gsm8k", question),
        statement=question,
        gold=_THOUSANDS.sub("", finals[-1].strip()),
        category="gsm8k",
        source="gsm8k",
        meta={"solution": solution},
    )


SOURCE = Source("gsm8k", problem, licence="MIT", hub=Hub("openai/gsm8k", config="main"))
