"""Problems as JSON lines: rows that nemoflow wrote itself, and simple ones of other makers.

    {"statement": "What is 6 * 7?", "answer": 42}
    {"id": "q1", "question": "Name the largest planet.", "gold": "Jupiter", "category": "astronomy", "level": 2}

A foreign row's statement is called `statement`, `problem`, `question` or `prompt`, its answer `gold` or `answer` (or there
is none); `id`, `category`, `source` and `solution` are optional, all other fields are kept in `meta`. The licence is the maker's.
"""

from pydantic import ValidationError

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Source
from nemoflow.records import Problem

STATEMENTS = ("statement", "problem", "question", "prompt")
GOLDS = ("gold", "answer")
DEFAULT_CATEGORY = "general"


def problem(row: Row) -> Problem:
    """The problem of a row, nemoflow's own or a foreign one."""
    return _own(row) if "v" in row.values else _foreign(row)


def _own(row: Row) -> Problem:
    try:
        return Problem.model_validate(dict(row.values))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise row.wrong(field, f"a nemoflow problem (it has `v`): {first['msg']}") from None


def _foreign(row: Row) -> Problem:
    values = row.values
    statement_field = row.first_of(*STATEMENTS)
    statement = row.text(statement_field)
    gold_field = next((field for field in GOLDS if values.get(field) is not None), None)
    gold = row.word(gold_field) if gold_field else None
    if gold_field and gold and "\n" in gold:
        raise row.wrong(gold_field, "one line is right; for a worked solution that ends in `#### N` use the format gsm8k")
    used = {"id", "category", "source", statement_field, gold_field}
    return Problem(
        id=row.word("id") if values.get("id") is not None else content_id("jsonl", statement),
        statement=statement,
        gold=gold,
        category=row.word("category") if values.get("category") is not None else DEFAULT_CATEGORY,
        source=row.word("source") if values.get("source") is not None else "jsonl",
        meta={name: value for name, value in values.items() if name not in used and value is not None},
    )


SOURCE = Source("jsonl", problem, licence="")
