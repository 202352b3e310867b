r"""OpenMathReasoning (Moshkov et al. 2025, arXiv 2504.16891; CC BY 4.0): forum problems with up to dozens of solutions each.

    {"problem": "...", "expected_answer": "7", "generated_solution": "<think>...</think> ... \\boxed{7}", "inference_mode": "cot",
     "problem_type": "has_answer_extracted", "problem_source": "aops_c4_high_school_math", "generation_model": "DeepSeek-R1",
     "pass_rate_72b_tir": "0.5"}

Only `cot` solutions are taken: those with Python (`tir`) hold its calls, and `genselect` chooses between others' solutions.
"""

from typing import Any

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem

NO_ANSWER = ("", "n/a", "none", "unknown")


def problem(row: Row) -> Problem:
    """The problem of a row, with its solution where it is plain reasoning."""
    statement = row.text("problem")
    told = row.values.get("expected_answer")
    gold = None if told is None or str(told).strip().lower() in NO_ANSWER else row.word("expected_answer")
    meta: dict[str, Any] = {
        name: row.values[name] for name in ("problem_type", "problem_source", "generation_model") if isinstance(row.values.get(name), str)
    }
    if (rate := _rate(row)) is not None:
        meta["pass_rate_72b_tir"] = rate
    if row.values.get("inference_mode", "cot") == "cot" and row.values.get("generated_solution") is not None:
        meta["solution"] = row.text("generated_solution")
    return Problem(
        id=content_id("openmath", statement),
        statement=statement,
        gold=gold,
        category="open_math_reasoning",
        source="open_math_reasoning",
        meta=meta,
    )


def _rate(row: Row) -> float | None:
    told = row.values.get("pass_rate_72b_tir")
    if told is None or str(told).lower() in NO_ANSWER:
        return None
    try:
        rate = float(str(told))
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise row.wrong("pass_rate_72b_tir", "a share from 0 to 1, or 'n/a', is right")
    return rate


SOURCE = Source("open_math_reasoning", problem, licence="CC BY 4.0", hub=Hub("nvidia/OpenMathReasoning", split="cot"), has_several=True)
