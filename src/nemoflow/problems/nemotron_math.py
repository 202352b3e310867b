"""Nemotron-Math-v2 (NVIDIA 2025, arXiv 2512.15489): forum problems, solved in three efforts with and without Python.

    {"uuid": "...", "problem": "...", "expected_answer": "7", "original_expected_answer": null, "changed_answer_to_majority": true,
     "data_source": "AoPS", "messages": [{"role": "user", ...}, {"role": "assistant", "content": "...", "reasoning_content": "..."}],
     "tools": [], "metadata": {...pass rates...}, "license": "cc-by-4.0", "url": "..."}

A row that used tools gives its problem, not its solution: that holds calls. What a row says of its licence counts for it.
"""

import json
from typing import Any

from nemoflow.problems.rows import Row, content_id
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem

KEPT = ("data_source", "url", "user_name", "user_url")


def problem(row: Row) -> Problem:
    """The problem of a row, with its solution where no tool was used."""
    statement = row.text("problem")
    meta: dict[str, Any] = {name: row.values[name] for name in KEPT if isinstance(row.values.get(name), str)}
    if isinstance(row.values.get("license"), str):
        meta["licence"] = row.text("license")
    if row.values.get("changed_answer_to_majority") is True:
        meta["gold_is_majority"] = True
    if (rates := _rates(row)) is not None:
        meta["pass_rates"] = rates
    if not row.values.get("tools") and isinstance(row.values.get("messages"), list):
        meta["solution"] = row.turn("assistant")
    named = row.values.get("uuid")
    return Problem(
        id=f"nemotron-math-{row.word('uuid')}" if named is not None else content_id("nemotron-math", statement),
        statement=statement,
        gold=row.word("expected_answer") if row.values.get("expected_answer") is not None else None,
        category="nemotron_math",
        source="nemotron_math",
        meta=meta,
    )


def _rates(row: Row) -> dict[str, Any] | None:
    """The pass rates by mode; some copies hold them as text."""
    told = row.values.get("metadata")
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except ValueError:
            raise row.wrong("metadata", "an object, or the JSON text of one, is right") from None
    return told if isinstance(told, dict) else None


SOURCE = Source("nemotron_math", problem, licence="CC BY 4.0", hub=Hub("nvidia/Nemotron-Math-v2", split="medium"), has_several=True)
